r"""UNO-S whose retain loss also shows retain images under the labels to forget, as in the published DiT runs.

The direction is that of `uno_s` for the losses

$$L(x_r, c_r) + w\, L(x_r, c_f), \qquad L_f.$$

Odd steps are those of `uno_relabel`, even steps those of `surgery_retain_relabel`.

**Source.** Mandal & Gottwald 2025 (arXiv 2506.04712), as its DiT runs were made. The paper does not speak of the
exchange term.

**Released code.** It has $w = 1$; $\lambda$ is 0.02 in the configuration.
"""

from torch import Tensor

from unlearning.methods import relabel, uno, uno_s
from unlearning.training.step import Step

TITLE = "UNO-S, exchange"
GROUP = "uno"
MODELS = "generating"
MODEL_HAS = ["label_embeddings"]
PARAMETERS = {**uno.PARAMETERS, **relabel.PARAMETERS}


def direction(step: Step, orthogonality_weight: float, exchange_weight: float) -> Tensor:
    """The direction of UNO-S for L(x_r, c_r) + w L(x_r, c_f) and L_f."""
    return uno_s.direction(relabel.with_exchange(step, exchange_weight), orthogonality_weight)
