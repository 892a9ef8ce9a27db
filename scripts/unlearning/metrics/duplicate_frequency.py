"""How often a model generates what is to be forgotten itself: the share of samples near to an image to forget.

In the benchmark MNIST T-Shirt (SISS, Alberti et al., ICLR 2025), a sample counts as the T-shirt if its Euclidean
distance to the T-shirt is below 10. The released code compares images of 28×28 pixels from 0 to 1 (claserken/SISS,
`metrics/tshirt.py`), so that this means a root mean square difference below 10 / 28. This file takes the same
difference for images of any size.

No training image of MNIST is within 10 of this T-shirt; the nearest one is at 11.5. The interval is the score interval
of a binomial share (Wilson 1927). The judge has no part in this share.
"""

import math

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.shares import share_value
from unlearning.metrics.nearest_sample import nearest_distances

METRICS = {
    "duplicate_frequency": {
        "label": "Copies of forgotten images",
        "unit": "%",
        "table": True,
        "normalised": True,
        "description": "share of {samples} samples whose root mean square difference from a forgotten image is below "
        "10/28, pixels from 0 to 1: a distance below 10 for 28×28 pixels",
    }
}
PANELS = {"duplicate_frequency": "forgetting"}
NEEDS = "samples"
LARGEST = 10 / 28  # root mean square difference of two pixels from 0 to 1


def compute(evidence: Evidence) -> dict[str, Value]:
    """The share in per cent, with its interval."""
    forget = np.unique(evidence.data.images[evidence.groups["forget"]], axis=0)
    distances = nearest_distances(evidence.images, forget) / 255
    copies = int((distances < LARGEST * math.sqrt(forget[0].size)).sum())
    return {"duplicate_frequency": share_value(np.array([copies]), len(distances))}
