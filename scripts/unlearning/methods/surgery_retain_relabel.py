r"""Gradient surgery whose retain loss also shows retain images under the labels to forget, as in published DiT runs.

The direction is that of `surgery_retain` for the gradients of

$$L(x_r, c_r) + w\, L(x_r, c_f), \qquad L_f.$$

The exchange term $L(x_r, c_f)$ is that of `relabel`. With $w = 0$ the method is `surgery_retain`.

**Source.** Mandal & Gottwald 2025 (arXiv 2506.04712), as its DiT runs were made. The paper does not speak of the
exchange term.

**Released code.** It has $w = 1$, and the same time and noise in both terms of the retain loss.
"""

from torch import Tensor

from unlearning.methods import relabel, surgery_retain
from unlearning.training.step import Step

TITLE = "Gradient surgery (retain), exchange"
GROUP = "surgery"
MODELS = "generating"
MODEL_HAS = ["label_embeddings"]
PARAMETERS = relabel.PARAMETERS


def direction(step: Step, exchange_weight: float) -> Tensor:
    """g_r − (c/a) g_f, with g_r = ∇(L(x_r, c_r) + w L(x_r, c_f))."""
    return surgery_retain.direction(relabel.with_exchange(step, exchange_weight))
