r"""How far the classes of a model's samples are from the classes of retrained models' samples.

$$\mathrm{KL}(p \,\|\, q) = \sum_k p_k \log \frac{p_k}{q_k}$$

with the class histogram $p$ of the run and $q$ of the retrained models.

A class that retrained models hardly generate has few hits, on which the divergence depends. The reference is therefore
the pooled histogram of all other seeds' retrained models, and the value has an interval.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "class_histogram_kl": {
        "label": "Histogram KL",
        "unit": "nats",
        "table": True,
        "normalised": True,
        "description": "KL divergence of the class histogram from that of {pooled} samples of the retrained models of "
        "all other seeds, with half a sample added to each class (Jeffreys)",
    }
}
PANELS = {"class_histogram_kl": "forgetting"}
NEEDS = "samples"
NEEDS_RETRAINED = ["class_histogram_kl"]
DRAWS = 2000


def compute(evidence: Evidence) -> dict[str, Value]:
    """KL(p ‖ q) = Σ p log(p / q) in nats, with the class histogram p of the run and q of the retrained models."""
    if evidence.retrained_counts is None:
        return {"class_histogram_kl": Value(None)}
    # The mean over the networks of the judge.
    return {"class_histogram_kl": divergence(evidence.samples.class_counts.mean(0), evidence.retrained_counts.mean(0))}


def divergence(counts: np.ndarray, reference: np.ndarray) -> Value:
    """The divergence of two smoothed histograms, with its 95 % interval for the chance of sampling.

    The interval is that of draws from the posterior distributions of both histograms with Jeffreys' prior, whose means
    are the smoothed histograms. A bootstrap of counts would draw a class without hits always without hits. Draws exceed
    the value on average, because noise adds to a divergence. So the interval is extended to its own mirror image.

    Args:
        counts: (K,) samples of each class.
        reference: (K,) samples of each class in the reference.

    Returns:
        The divergence in nats.
    """
    value = float(kl(smoothed(counts), smoothed(reference)))
    generator = np.random.default_rng(0)
    draws = kl(*(generator.dirichlet(each + 0.5, DRAWS) for each in (counts, reference)))
    low, high = np.quantile(draws, [0.025, 0.975])
    return Value(value, float(max(0, min(low, 2 * value - high))), float(max(high, 2 * value - low)))


def smoothed(counts: np.ndarray) -> np.ndarray:
    """Class shares (K,), with half a sample added to each class, so that no share is zero (Jeffreys)."""
    return (counts + 0.5) / (counts + 0.5).sum()


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Σ p log(p / q) over the last axis."""
    from scipy.special import rel_entr

    return rel_entr(p, q).sum(-1)
