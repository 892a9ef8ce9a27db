"""Whether samples resemble the training images to forget or the retained ones, by their nearest training image.

As in the UNO paper's figures of originality (Mandal & Gottwald 2025, arXiv 2506.04712), but counted, and by two
distances: Euclidean distances of pixels and of features. The retrained model shows which share to expect.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import BLOCK, squared_distances, wilson_interval

METRICS = {
    "nearest_is_forgotten_pixels": {
        "label": "Nearest image forgotten, by pixels",
        "unit": "%",
        "table": False,
        "normalised": True,
        "description": "share of at most 500 samples whose nearest training image is one to forget, Euclidean in "
        "pixels",
    },
    "nearest_is_forgotten_features": {
        "label": "Nearest image forgotten, by {features}",
        "unit": "%",
        "table": False,
        "normalised": True,
        "description": "the same share, Euclidean on {features}",
    },
    "nearest_image_pixels": {
        "label": "Distance to nearest image, by pixels",
        "unit": "",
        "table": False,
        "normalised": True,
        "description": "median distance of these samples to their nearest training image, Euclidean in pixels from 0 "
        "to 1",
    },
    "nearest_image_features": {
        "label": "Distance to nearest image, by {features}",
        "unit": "",
        "table": False,
        "normalised": True,
        "description": "median distance of these samples to their nearest training image, Euclidean on {features}",
    },
}
NEEDS = "samples"
MOST = 500  # samples: time grows with their number times that of the training images
STORED = 2  # samples of each kind for the figure
SETS = ("forget", "retain")


def compute(evidence: Evidence) -> dict[str, Value | np.ndarray]:
    """The shares and medians, and arrays of some samples with their nearest images.

    Returns:
        The four values. Of each distance, `pixels` and `features`, of the first samples and of those that are nearest
        to an image to forget, compared with their nearest retained image, n together: `{distance}.samples` (n, C, H, W)
        uint8, and of each set in `SETS` `{distance}.{set}` (n, C, H, W) uint8, the nearest images, and
        `{distance}.{set}_distance` (n,).
    """
    images, samples = evidence.data.images, evidence.images[:MOST]
    indices = {name: np.array(evidence.groups[name], int) for name in SETS}
    features = {"forget": evidence.forget_features, "retain": evidence.retain_features}
    nearest = {
        "pixels": {name: nearest_of(parts_of(images, of), samples, scale=255) for name, of in indices.items()},
        "features": {name: nearest_of([of], evidence.samples.features[:MOST]) for name, of in features.items()},
    }
    computed = {}
    for distance, found in nearest.items():
        to_forget, to_retain = (found[name][1] for name in SETS)
        share = float(np.mean(to_forget < to_retain))
        low, high = wilson_interval(share, len(samples))
        computed[f"nearest_is_forgotten_{distance}"] = Value(100 * share, 100 * float(low), 100 * float(high))
        computed[f"nearest_image_{distance}"] = Value(float(np.median(np.minimum(to_forget, to_retain))))
        shown = shown_samples(to_forget, to_retain)
        computed[f"{distance}.samples"] = samples[shown]
        for name in SETS:
            place, length = found[name]
            computed[f"{distance}.{name}"] = images[indices[name][place[shown]]]
            computed[f"{distance}.{name}_distance"] = length[shown]
    return computed


def shown_samples(to_forget: np.ndarray, to_retain: np.ndarray) -> np.ndarray:
    """Choose samples for the figure: the first ones, then those of the others nearest to an image to forget.

    Args:
        to_forget: (N,) distance of each sample to the nearest image to forget.
        to_retain: (N,) distance to the nearest retained image.

    Returns:
        Places of at most 2 `STORED` samples.
    """
    first = np.arange(len(to_forget))[:STORED]
    # A difference of logarithms, because a ratio does not exist where a sample is a copy of a retained image.
    with np.errstate(divide="ignore", invalid="ignore"):
        order = np.argsort(np.nan_to_num(np.log(to_forget) - np.log(to_retain)), kind="stable")
    return np.concatenate([first, order[~np.isin(order, first)][:STORED]])


def parts_of(images: np.ndarray, indices: np.ndarray) -> Iterator[np.ndarray]:
    """Take images in parts: all images of a large data set do not fit into memory twice."""
    return (images[indices[start : start + BLOCK]] for start in range(0, len(indices), BLOCK))


def nearest_of(parts: Iterable[np.ndarray], samples: np.ndarray, scale: float = 1) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest of some points to each sample.

    Args:
        parts: the points, in parts (n, …).
        samples: (N, …).
        scale: that points and samples are divided by.

    Returns:
        The place (N,) of the nearest point among all parts, and the Euclidean distance (N,) to it.
    """
    places, lengths, before = np.zeros(len(samples), int), np.full(len(samples), np.inf), 0
    flat = samples.reshape(len(samples), -1)
    for part in parts:
        for rows, distances in squared_distances(part.reshape(len(part), -1), flat):
            best = distances.argmin(0)
            length = np.sqrt(distances[best, np.arange(len(flat))]) / scale
            nearer = length < lengths
            places = np.where(nearer, before + rows.start + best, places)
            lengths = np.minimum(lengths, length)
        before += len(part)
    return places, lengths
