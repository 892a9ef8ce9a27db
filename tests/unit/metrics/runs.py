"""A run as metrics get it."""

import numpy as np

from unlearning.data.dataset import Dataset
from unlearning.evaluation.evidence import Evidence, SampleSet
from unlearning.plugins.load import load_plugin

# Eight pictures of 2×2: 0 and 1 are to be forgotten, 2 and 3 kept, the others held out.
LABELS = np.array([0, 1, 0, 2, 0, 0, 1, 2])
GROUPS = {"forget": [0, 1], "retain": [2, 3], "heldout_forget": [], "heldout_retain": [4, 5, 6, 7]}
PIXELS = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.full((1, 1, 2, 2), 10, np.uint8)
DATA = Dataset(PIXELS, LABELS, np.empty((8, 0), np.uint8), np.arange(8) < 4, ["a", "b", "c"], [])

RECORD = {
    "status": "finished",
    "seconds": 5.0,
    "peak_memory_mib": 7.0,
    "preparation_seconds": 0.25,
    "counted_after_update": False,
}


def evidence(**changes):
    """A run of 6 steps measured at 0, 2, 4 and 6, with 100 samples each."""
    standard = {
        "samples": SampleSet(np.zeros((100, 2)), np.repeat([0, 1], [97, 3]), np.array([[97, 3, 0], [95, 4, 1]])),
        "probabilities": np.full((100, 3), 1 / 3),
        "images": np.zeros((100, 1, 2, 2), np.uint8),
        "retrained": SampleSet(np.zeros((100, 2)), np.repeat([0, 2], 50), np.array([[50, 0, 50]])),
        "retain_features": np.zeros((10, 2)),
        "forget_features": np.zeros((5, 2)),
        "published_features": None,
        "published_reference": None,
        "data": DATA,
        "groups": GROUPS,
        "losses": {"forget": np.array([1.0, 3.0]), "retain": np.zeros(0)},
        "retrained_counts": np.array([[100, 0, 100], [99, 1, 100]]),
        "retrained_losses": {},
        "record": RECORD,
        "forgotten_classes": [1],
        "threshold": 0.02,
        "margin": 0.01,
        "steps": {
            "seconds": np.full(6, 0.5),
            "finetune_step_seconds": np.array([np.nan, 0.25, np.nan, 0.25, np.nan, 0.25]),
        },
        "measurements": {
            "step": np.array([0.0, 2, 4, 6]),
            "network": np.zeros(4),
            "forgotten": np.array([10.0, 2, 1, 0]),
            "samples": np.full(4, 100.0),
        },
    }
    return Evidence(**(standard | changes))


def compute(name, **changes):
    return load_plugin("metrics", name).compute(evidence(**changes))
