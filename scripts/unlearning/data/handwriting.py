"""Attributes of handwriting that can be measured: how thick the strokes are, and how far they slant.

Both measures are Morpho-MNIST's (Castro et al. 2019, JMLR 20(178)), with two simplifications: the medial
axis is the ridge of the distance transform, and images of 28 pixels are not enlarged four times before.
"""

from dataclasses import replace

import numpy as np

from unlearning.data.dataset import Dataset

ATTRIBUTES = ["thick", "slanted"]
QUANTILE = 0.75  # of the training images, above which an image has the attribute
CHUNK = 1000  # images at a time: bounded in memory
SIDE = 28  # pixels to which smaller images are enlarged


def with_attributes(dataset: Dataset) -> Dataset:
    """The data set with `ATTRIBUTES`: 1 where the measure is above its 0.75 quantile of the training images."""
    images = dataset.images[:, 0]
    parts = np.split(images, range(CHUNK, len(images), CHUNK))
    measures = np.concatenate([np.stack([thickness(part), slant(part)], axis=1) for part in parts])
    limits = np.quantile(measures[dataset.train], QUANTILE, axis=0)
    return replace(dataset, attributes=(measures > limits).astype(np.uint8), attribute_names=ATTRIBUTES)


def thickness(images: np.ndarray) -> np.ndarray:
    """Mean thickness of the strokes in pixels, (N,), of images (N, H, W), light on dark.

    Twice the mean distance to the background over the medial axis. Strokes are the pixels of at least half
    the image's maximum; the axis, those whose distance no neighbour's exceeds. Smaller images than 28×28
    are first enlarged by a whole number, bilinearly.
    """
    from scipy import ndimage

    scale = -(-SIDE // min(images.shape[1:]))
    if scale > 1:
        images = ndimage.zoom(images.astype(np.float32), (1, scale, scale), order=1, grid_mode=True, mode="nearest")
    strokes = images >= np.maximum(images.max(axis=(1, 2), keepdims=True) / 2, 1)
    # Images lie so far apart that each sees only its own background.
    distances = ndimage.distance_transform_edt(strokes, sampling=(1e6, 1, 1))
    axis = strokes & (distances == ndimage.maximum_filter(distances, size=(1, 3, 3)))
    return 2 * (distances * axis).sum((1, 2)) / np.maximum(axis.sum((1, 2)), 1) / scale


def slant(images: np.ndarray) -> np.ndarray:
    """Slant in radians, (N,), of images (N, H, W); positive where the top leans to the right.

    arctan(−μ₁₁/μ₀₂), from the central second moments of the grey values; 0 for an image without height.
    """
    weights = images / np.maximum(images.sum(axis=(1, 2), keepdims=True, dtype=float), 1)
    y, x = (np.arange(size) for size in images.shape[1:])
    down, across = weights.sum(2), weights.sum(1)  # how the grey is spread over rows and over columns
    mean_y, mean_x = down @ y, across @ x
    covariance = np.einsum("nyx,y,x->n", weights, y, x) - mean_y * mean_x
    variance = down @ y**2 - mean_y**2
    return np.arctan2(-covariance, np.where(variance > 1e-9, variance, np.inf))
