"""Whether a model still generates what it should have forgotten: how near its samples come to it.

The distance of an image to its nearest sample, as in the extraction attack of Carlini et al. (USENIX
Security 2023), relative to that of images the model was never trained on.
"""

import numpy as np

from unlearning.metrics import Evidence, Value
from unlearning.statistics import at_most, squared_distances

METRICS = {
    "nearest_sample": {
        "label": "Nearest sample / held-out",
        "unit": "×",
        "table": True,
        "description": "distance of a forgotten image to the nearest of {samples} samples over the median such "
        "distance of held-out images of its class, Euclidean in pixels, mean over at most 1000 forgotten images",
    }
}
NEEDS = "samples"
MOST = 1000  # forgotten images, and held-out ones


def compute(evidence: Evidence) -> dict[str, Value]:
    """The mean ratio; no value where no held-out image has the class of a forgotten one."""
    images, labels = evidence.data.images, evidence.data.labels
    forget, heldout = (
        at_most(np.concatenate([evidence.groups[group] for group in groups]).astype(int), MOST)
        for groups in (("forget",), ("heldout_forget", "heldout_retain"))
    )
    ratios = []
    for label in np.intersect1d(labels[forget], labels[heldout]):
        near, usual = (
            nearest_distances(images[chosen[labels[chosen] == label]], evidence.images) for chosen in (forget, heldout)
        )
        ratios.append(near / np.median(usual))
    return {"nearest_sample": Value(float(np.concatenate(ratios).mean()) if ratios else None)}


def nearest_distances(images: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Euclidean distance of each of the images (n, C, H, W) to the nearest of the samples (N, C, H, W), (n,)."""
    flat = [array.reshape(len(array), -1).astype(np.float64) for array in (images, samples)]
    return np.sqrt(np.concatenate([distances.min(1) for _, distances in squared_distances(*flat)]))
