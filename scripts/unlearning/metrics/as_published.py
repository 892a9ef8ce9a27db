"""The UNO paper's protocol (Mandal & Gottwald 2025, released code), on the same runs as the rigorous one.

It differs in this: forgetting is read off 128 fixed latents, decoded in train mode (batch normalisation with the
batch's own statistics) in every step *before* the parameters change, and classified by the guide, a classifier that
histogram losses were fitted to; the first step at or below the threshold counts, even if the class comes back, so that
"3" means two updates (of all the code's methods, feature unlearning and SalUn alone decode after the update, and so
they count here); a run that never gets there counts with its last step; seconds are the mean step times that number;
and the covariance product inside the "FID" is symmetrised before its square root, on features of Inception (CelebA) or
of the first layer of the classifier (MNIST), against all training images, the forgotten class included. Samples for
this distance are decoded in eval mode, but the original's in train mode: the code loads it as it was saved.

Two things are not copied. In the code the decoding of the 128 also moves the running statistics; here it does not, for
both protocols judge the same runs. And on CelebA the code takes torchvision's weights of Inception and scales real
images otherwise than samples; here they are treated alike, so that a ratio of CelebA's distances is another one.
"""

import numpy as np

from unlearning.config.protocol import PUBLISHED_LATENTS
from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import moments
from unlearning.metrics import step_time

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
DECODED_AFTER_UPDATE = ("feature_unlearning", "salun")
NEEDS = "guide"
NEEDS_THRESHOLD = True


def compute(evidence: Evidence) -> dict[str, Value]:
    """All of it for a method, the distance alone for a reference, none for a diverged run; nothing without a guide.

    What rests on a crossing that never came is marked as censored, for another number of steps would change it.
    """
    values = {}
    if evidence.published_features is not None:
        distance = symmetrised_distance(*moments(evidence.published_features), *evidence.published_reference)
        values["published_fid"] = Value(distance)
    counts = evidence.steps.get("published_forgotten", np.array([np.nan]))
    if not np.isnan(counts).any():
        shares, seconds = counts / PUBLISHED_LATENTS, evidence.steps["seconds"]
        if evidence.record["settings"]["algorithm"] in DECODED_AFTER_UPDATE:  # step 1 is what is seen before the second
            shares = shares[1:]
        below = shares <= evidence.threshold
        never = not below.any()
        steps = len(counts) if never else int(below.argmax()) + 1
        values["published_steps"] = Value(steps, censored=never)
        values["published_seconds"] = Value(float(seconds.mean() * steps), censored=never)
        ratio = step_time.compute(evidence)["step_time_ratio"].value
        values["published_relative_time"] = Value(ratio and ratio * steps, censored=never)
        values["published_five_step_forget_fraction"] = Value(float(shares[:5][-1]) if len(shares) else None)
    return values


def symmetrised_distance(
    first_mean: np.ndarray, first_covariance: np.ndarray, second_mean: np.ndarray, second_covariance: np.ndarray
) -> float:
    """|μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 √S), S the symmetric part of Σ₁Σ₂, its negative eigenvalues set to 0.

    The Fréchet distance has √(Σ₁Σ₂) itself; the two agree where Σ₁ and Σ₂ commute.
    """
    product = first_covariance @ second_covariance
    eigenvalues = np.linalg.eigvalsh((product + product.T) / 2)
    root_trace = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    difference = first_mean - second_mean
    return float(difference @ difference + np.trace(first_covariance) + np.trace(second_covariance) - 2 * root_trace)
