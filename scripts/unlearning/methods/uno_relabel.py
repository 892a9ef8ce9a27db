r"""UNO whose retain loss also shows retain images under the labels to forget, as in the published DiT runs.

The direction is that of `uno` for the losses

$$L(x_r, c_r) + w\, L(x_r, c_f), \qquad L_f.$$

The exchange term $L(x_r, c_f)$ is that of `relabel`. With $\lambda = 0$ the method is `relabel`, with $w = 0$ it is
`uno`.

**Source.** Mandal & Gottwald 2025 (arXiv 2506.04712), as its DiT runs were made. The paper does not speak of the
exchange term, and has no row that relabels without UNO. So its DiT rows cannot tell what the orthogonality adds to
relabelling.

**Released code.** It has $w = 1$; $\lambda$ is 0.02 in the configuration, and "0e-2" in a later note.
"""

from torch import Tensor

from unlearning.methods import relabel, uno
from unlearning.training.step import Step

TITLE = "UNO, exchange"
GROUP = "uno"
MODELS = "generating"
MODEL_HAS = ["label_embeddings"]
PARAMETERS = {**uno.PARAMETERS, **relabel.PARAMETERS}


def direction(step: Step, orthogonality_weight: float, exchange_weight: float) -> Tensor:
    """UNO's direction for L(x_r, c_r) + w L(x_r, c_f) and L_f."""
    if orthogonality_weight == 0:  # bit for bit: torch computes a gradient with a graph in another order of sums
        return relabel.direction(step, exchange_weight)
    return uno.direction(relabel.with_exchange(step, exchange_weight), orthogonality_weight)
