r"""NegGrad with a normalised forget gradient: descent on the retain loss, and ascent of a fixed length on the other.

$$d = g_r - \kappa\, g_f / |g_f|$$

**Source.** SISS, ICLR 2025 (*Data Unlearning in Diffusion Models*), without its importance sampling: each of the two
losses has a forward pass of its own. See `siss`.
"""

from torch import Tensor
from torch.nn.functional import normalize

from unlearning.training.step import Step

TITLE = "NegGrad, normalised"
GROUP = "ascent"
PARAMETERS = {
    "forget_scale": {
        "type": "number",
        "minimum": 0,
        "description": "κ, length of the forget gradient that is subtracted from the retain gradient",
    }
}


def direction(step: Step, forget_scale: float) -> Tensor:
    """g_r − κ g_f / |g_f|."""
    return step.retain.gradient - forget_scale * normalize(step.forget.gradient, dim=0)
