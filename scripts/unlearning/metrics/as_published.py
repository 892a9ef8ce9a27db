"""The UNO paper's protocol (Mandal & Gottwald 2025, released code), on the same runs as the rigorous protocol.

It differs in this:

- It counts a forgotten class among 128 fixed latents. They are decoded in train mode (batch normalisation uses the
  batch's own statistics) in every step *before* the parameters change, so that "3" means two updates. The released
  code of some methods decodes *after* the update, and so do these methods here.
- The guide counts, a classifier that histogram losses were fitted to.
- The first step at or below the threshold counts, even if the class comes back. A run that never gets there counts
  with its last step. Seconds are the mean step times that number.
- The covariance product inside the "FID" is symmetrised before its square root. Features are those of Inception
  (CelebA) or of the first layer of the classifier (MNIST). The reference is all training images, the forgotten class
  included. Samples are decoded in eval mode, but the original's samples in train mode: the code loads the original as
  it was saved.

Three things are not copied. The code's reference is one random sample of the training images, as many as there are
generated images (25,000 on MNIST), drawn without a seed. Here it is all training images. In the code, decoding the 128
latents also moves the running statistics. Here it does not, because both protocols judge the same runs. And on CelebA
the code takes torchvision's weights of Inception and scales real images otherwise than samples. Here both are scaled
alike, so that a ratio of CelebA's distances differs from the code's.
"""

import numpy as np

from unlearning.evaluation.crossings import published_crossings
from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import moments

METRICS = {
    "published_steps": {
        "label": "Steps, as published",
        "unit": "steps",
        "table": True,
        "description": "first step before which (feature unlearning, SalUn: after which) 128 fixed samples are at or "
        "below the threshold, or else the last one",
    },
    "published_seconds": {
        "label": "Time, as published",
        "unit": "s",
        "table": False,
        "description": "mean seconds of a step times the steps, as published",
    },
    "published_relative_time": {
        "label": "Time, as published",
        "unit": "finetune steps",
        "table": False,
        "description": "steps, as published, times the cost of a step in finetune steps timed side by side",
    },
    "published_five_step_forget_fraction": {
        "label": "After 5 steps, as published",
        "unit": "",
        "table": False,
        "description": "share of 128 fixed samples that the guide takes for a forgotten class before (feature "
        "unlearning, SalUn: after) the fifth update",
    },
    "published_fid": {
        "label": "FID, as published",
        "unit": "",
        "table": True,
        "description": "distance with symmetrised covariance product to all training images, on Inception's features "
        "where the other distances are, or else on the guide's; references are decoded in train mode",
    },
}
PANELS = {"published_steps": "as_published", "published_fid": "as_published"}
BETTER = {"published_steps": "lower", "published_fid": "lower"}
NOTE = (
    "Columns 'as published' follow the protocol of the UNO paper on the same runs: 128 fixed latents are decoded with "
    "train-mode batch normalisation, and the guide classifies the images ({guide_accuracy} % of held-out images "
    "correctly). The first crossing counts, even if the class comes back, and without a crossing the last step counts "
    "(in brackets: how many seeds crossed). The distance has a symmetrised covariance product, and its reference is "
    "all training images, the forgotten class included. All other columns are rigorous: fresh samples in eval mode "
    "with running statistics of retain data, the judge, the crossing for good, and runs that never crossed as censored."
)
NEEDS = "guide"
SETTINGS = ["threshold"]
MORE_IMAGES_THAN_FEATURES = {"classifier": "guide", "groups": ["training"], "instead": "leave it out"}


def compute(evidence: Evidence) -> dict[str, Value]:
    """Crossing and distance by the published protocol.

    Returns:
        The crossing of a run of a method, see `published_crossings`. The distance of a run that did not diverge.
    """
    values = published_crossings(evidence.steps, evidence.record, evidence.threshold)
    if evidence.published_features is not None:
        distance = symmetrised_distance(*moments(evidence.published_features), *evidence.published_reference)
        values["published_fid"] = Value(distance)
    return values


def symmetrised_distance(
    first_mean: np.ndarray, first_covariance: np.ndarray, second_mean: np.ndarray, second_covariance: np.ndarray
) -> float:
    """The Fréchet distance with a symmetrised covariance product.

    |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 √S), where S is the symmetric part of Σ₁Σ₂ with its negative eigenvalues set to 0. The
    Fréchet distance has √(Σ₁Σ₂) instead of √S. The two agree where Σ₁ and Σ₂ commute.

    Args:
        first_mean: μ₁, (F,).
        first_covariance: Σ₁, (F, F).
        second_mean: μ₂, (F,).
        second_covariance: Σ₂, (F, F).

    Returns:
        The distance, in squared units of the features.
    """
    product = first_covariance @ second_covariance
    eigenvalues = np.linalg.eigvalsh((product + product.T) / 2)
    root_trace = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    difference = first_mean - second_mean
    return float(difference @ difference + np.trace(first_covariance) + np.trace(second_covariance) - 2 * root_trace)
