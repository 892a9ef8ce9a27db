"""Attributes of handwriting that are measured: the thickness and the slant of the strokes.

Both measures are those of Morpho-MNIST (Castro et al. 2019, JMLR 20(178)), with two simplifications: the medial axis
is the ridge of the distance transform, and images of 28 pixels are not enlarged four times beforehand.
"""

from dataclasses import replace

import numpy as np

from unlearning.data.dataset import Dataset

ATTRIBUTES = ["thick", "slanted"]
QUANTILE = 0.75  # of the training images' measures; an image above it has the attribute
CHUNK = 1000  # images that are measured at a time, to bound the memory
SIDE = 28  # pixels; smaller images are enlarged to it


def with_attributes(dataset: Dataset) -> Dataset:
    """Add `ATTRIBUTES` to a data set: 1 where the measure is above its 0.75 quantile over the training images."""
    images = dataset.images[:, 0]
    parts = np.split(images, range(CHUNK, len(images), CHUNK))
    measures = np.concatenate([np.stack([thickness(part), slant(part)], axis=1) for part in parts])
    limits = np.quantile(measures[dataset.train], QUANTILE, axis=0)
    return replace(dataset, attributes=(measures > limits).astype(np.uint8), attribute_names=ATTRIBUTES)


def thickness(images: np.ndarray) -> np.ndarray:
    """Measure the mean thickness of the strokes.

    It is twice the mean distance to the background over the medial axis. Strokes are the pixels of at least half the
    image's maximum. The axis are the pixels whose distance is at least that of each neighbour. Images smaller than
    28×28 are first enlarged by a whole number, bilinearly.

    Args:
        images: (N, H, W), light strokes on a dark background.

    Returns:
        (N,) thickness in pixels of the image.
    """
    from scipy import ndimage

    scale = -(-SIDE // min(images.shape[1:]))
    if scale > 1:
        images = ndimage.zoom(images.astype(np.float32), (1, scale, scale), order=1, grid_mode=True, mode="nearest")
    strokes = images >= np.maximum(images.max(axis=(1, 2), keepdims=True) / 2, 1)
    # The transform is one call for all images. This spacing keeps another image's background out of reach.
    distances = ndimage.distance_transform_edt(strokes, sampling=(1e6, 1, 1))
    axis = strokes & (distances == ndimage.maximum_filter(distances, size=(1, 3, 3)))
    return 2 * (distances * axis).sum((1, 2)) / np.maximum(axis.sum((1, 2)), 1) / scale


def slant(images: np.ndarray) -> np.ndarray:
    """Measure the slant of the strokes: arctan(−μ₁₁ / μ₀₂), from the central second moments of the grey values.

    Args:
        images: (N, H, W), light strokes on a dark background.

    Returns:
        (N,) angle in radians, positive where the top leans to the right; 0 for an image without height.
    """
    weights = images / np.maximum(images.sum(axis=(1, 2), keepdims=True, dtype=float), 1)
    y, x = (np.arange(size) for size in images.shape[1:])
    row_weights, column_weights = weights.sum(2), weights.sum(1)
    mean_y, mean_x = row_weights @ y, column_weights @ x
    covariance = np.einsum("nyx,y,x->n", weights, y, x) - mean_y * mean_x
    variance = row_weights @ y**2 - mean_y**2
    return np.arctan2(-covariance, np.where(variance > 1e-9, variance, np.inf))
