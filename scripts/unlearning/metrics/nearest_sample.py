"""Whether a model still generates the forget set: how near its samples come to the forgotten images.

The metric takes the distance of an image to its nearest sample, as the extraction attack of Carlini et al. (USENIX
Security 2023) does, relative to the distances of images that the model was never trained on.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import at_most, squared_distances

METRICS = {
    "nearest_sample": {
        "label": "Nearest sample / held-out",
        "unit": "×",
        "table": True,
        "normalised": True,
        "description": "distance of a forgotten image to the nearest of {samples} samples over the median such "
        "distance of held-out images of its class, Euclidean in pixels, mean over at most 1000 forgotten images",
    }
}
PANELS = {"nearest_sample": "forgetting"}
NEEDS = "samples"
MOST = 1000  # forgotten images, and held-out ones


def compute(evidence: Evidence) -> dict[str, Value]:
    """The mean ratio; no value where no held-out image has the class of a forgotten image."""
    images, labels = evidence.data.images, evidence.data.labels
    forget = np.array(evidence.groups["forget"])
    heldout = np.concatenate([evidence.groups[group] for group in ("heldout_forget", "heldout_retain")]).astype(int)
    common = np.intersect1d(labels[forget], labels[heldout])
    forget = at_most(forget[np.isin(labels[forget], common)], MOST)
    heldout = at_most(heldout[np.isin(labels[heldout], common)], MOST)
    ratios = []
    for label in np.intersect1d(labels[forget], labels[heldout]):
        forget_distances = nearest_distances(images[forget[labels[forget] == label]], evidence.images)
        heldout_distances = nearest_distances(images[heldout[labels[heldout] == label]], evidence.images)
        ratios.append(forget_distances / np.median(heldout_distances))
    return {"nearest_sample": Value(float(np.concatenate(ratios).mean()) if ratios else None)}


def nearest_distances(images: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Euclidean distance (n,) of each of the images (n, C, H, W) to the nearest of the samples (N, C, H, W)."""
    blocks = squared_distances(samples.reshape(len(samples), -1), images.reshape(len(images), -1))
    return np.sqrt(np.min([distances.min(0) for _, distances in blocks], axis=0))
