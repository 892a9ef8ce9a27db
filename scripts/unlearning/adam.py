"""Adam (Kingma & Ba 2015) on the flat parameter vector, by torch's own arithmetic."""

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from unlearning.vectors import flatten, trainable, unflatten


class Adam:
    """Steps along −direction, for directions (P,) as methods give them.

    The functional form and not `torch.optim.Adam`: creating that object imports torch's compiler,
    which would double the start-up time of every job, and one vector is updated faster than many.

    Args:
        model: its trainable parameters become views into one vector, in the order of `trainable`.
        learning_rate: β are 0.9 and 0.999, ε is 1e-8, as in the paper and in `torch.optim.Adam`.
    """

    def __init__(self, model: nn.Module, learning_rate: float):
        parameters = trainable(model)
        self._vector = flatten([parameter.detach() for parameter in parameters])
        for parameter, view in zip(parameters, unflatten(self._vector, parameters), strict=True):
            parameter.data = view
        self._learning_rate = learning_rate
        self.state = {
            "exp_avg": torch.zeros_like(self._vector),
            "exp_avg_sq": torch.zeros_like(self._vector),
            "step": torch.zeros((), device=self._vector.device),
        }

    @torch.no_grad()
    def descend(self, direction: Tensor) -> None:
        """Take one step; `direction` takes the place of the gradient."""
        adam(
            [self._vector],
            [direction],
            *([self.state[name]] for name in ("exp_avg", "exp_avg_sq")),
            max_exp_avg_sqs=[],
            state_steps=[self.state["step"]],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._learning_rate,
            weight_decay=0,
            eps=1e-8,
            maximize=False,
        )

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state` of before."""
        for name, tensor in state.items():
            self.state[name].copy_(tensor)
