r"""Fréchet distance (Heusel et al. 2017) between samples and a reference.

$$|\mu_1 - \mu_2|^2 + \mathrm{tr}\left( \Sigma_1 + \Sigma_2 - 2 \sqrt{\Sigma_1 \Sigma_2} \right)$$

with mean and covariance of the features of both.

On Inception's features, values are comparable with papers that use pytorch-fid or torch-fidelity and as many samples.
On the judge's features, values are comparable within one experiment only.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.statistics import moments

METRICS = {
    "fid_retain": {
        "label": "FID to retain data ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "Fréchet distance, on {features}, of {samples} samples from the {retained} retained images",
    },
    "fid_retrain": {
        "label": "FID to retrained ({features})",
        "unit": "",
        "table": True,
        "normalised": True,
        "description": "Fréchet distance, on {features}, of {samples} samples from as many of a retrained model of "
        "another seed",
    },
}
PANELS = {"fid_retain": "quality", "fid_retrain": "quality"}
NEEDS = "samples"
NEEDS_RETRAINED = ["fid_retrain"]
MORE_IMAGES_THAN_FEATURES = {
    "classifier": "judge",
    "groups": ["retain"],
    "instead": "take 'kid', which needs no such number",
}


def compute(evidence: Evidence) -> dict[str, Value]:
    """The distance to both references; see `check_count`. No distance to the retrained model without another seed."""
    check_count(evidence.samples.features, evidence.retain_features)
    sample_moments = moments(evidence.samples.features)
    to_retrained = None
    if evidence.retrained is not None:
        to_retrained = frechet_distance(*sample_moments, *moments(evidence.retrained.features))
    return {
        "fid_retain": Value(frechet_distance(*sample_moments, *moments(evidence.retain_features))),
        "fid_retrain": Value(to_retrained),
    }


def check_count(*sets: np.ndarray) -> None:
    """Refuse features (N, F) of too few images; see also `unlearning.config.image_counts`.

    Args:
        *sets: arrays of features.

    Raises:
        ValueError: there are fewer than F + 1 images. Their covariance is singular, and the distance would measure
            their number.
    """
    for features in sets:
        if len(features) <= features.shape[1]:
            raise ValueError(
                f"a Fréchet distance on {features.shape[1]} features needs more than {len(features)} images: take "
                "more, take fewer features ('features: judge' with a small last number in judge.hidden_units), or "
                "leave the metric out of evaluation.metrics"
            )


def frechet_distance(
    first_mean: np.ndarray, first_covariance: np.ndarray, second_mean: np.ndarray, second_covariance: np.ndarray
) -> float:
    """The Fréchet distance of two Gaussians, |μ₁ − μ₂|² + tr(Σ₁ + Σ₂ − 2 √(Σ₁Σ₂)).

    With Σ₁ = RRᵀ, tr √(Σ₁Σ₂) is the sum of the roots of the eigenvalues of the symmetric RᵀΣ₂R. This way needs no
    square root of a matrix and no complex numbers, and adds nothing to the diagonal of a singular covariance.

    Args:
        first_mean: μ₁, (F,).
        first_covariance: Σ₁, (F, F).
        second_mean: μ₂, (F,).
        second_covariance: Σ₂, (F, F).

    Returns:
        The distance, in squared units of the features.
    """
    root = semidefinite_root(first_covariance)
    eigenvalues = np.linalg.eigvalsh(root.T @ second_covariance @ root)
    root_trace = np.sqrt(np.clip(eigenvalues, 0, None)).sum()
    difference = first_mean - second_mean
    return float(difference @ difference + np.trace(first_covariance) + np.trace(second_covariance) - 2 * root_trace)


def semidefinite_root(covariance: np.ndarray) -> np.ndarray:
    """R (F, rank) with RRᵀ = Σ, by Cholesky's factorisation with pivots, which works for a singular Σ (F, F)."""
    from scipy.linalg.lapack import dpstrf

    factor, pivots, rank, _ = dpstrf(covariance, lower=1)
    root = np.empty((len(covariance), rank))
    root[pivots - 1] = np.tril(factor)[:, :rank]
    return root
