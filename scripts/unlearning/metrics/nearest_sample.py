"""Whether a model still generates what it should have forgotten: how near its samples come to it.

The distance of an image to its nearest sample, as in the extraction attack of Carlini et al. (USENIX
Security 2023), relative to that of images the model was never trained on.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import at_most, squared_distances

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
    forget = np.array(evidence.groups["forget"])
    heldout = np.concatenate([evidence.groups[group] for group in ("heldout_forget", "heldout_retain")]).astype(int)
    common = np.intersect1d(labels[forget], labels[heldout])
    forget, heldout = (at_most(chosen[np.isin(labels[chosen], common)], MOST) for chosen in (forget, heldout))
    ratios = []
    for label in np.intersect1d(labels[forget], labels[heldout]):
        near, usual = (
            nearest_distances(images[chosen[labels[chosen] == label]], evidence.images) for chosen in (forget, heldout)
        )
        ratios.append(near / np.median(usual))
    return {"nearest_sample": Value(float(np.concatenate(ratios).mean()) if ratios else None)}


def nearest_distances(images: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Euclidean distance of each of the images (n, C, H, W) to the nearest of the samples (N, C, H, W), (n,)."""
    blocks = squared_distances(*(array.reshape(len(array), -1) for array in (samples, images)))
    return np.sqrt(np.min([distances.min(0) for _, distances in blocks], axis=0))
