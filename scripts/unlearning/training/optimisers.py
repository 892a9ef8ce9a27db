"""Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019) on the flat parameter vector, by torch's arithmetic."""

import math

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from unlearning.training.vectors import flatten, trainable, unflatten


class Adam:
    """Steps along −direction, for directions (P,) as methods give them.

    The functional form and not `torch.optim.Adam`: creating that object imports torch's compiler,
    which would double the start-up time of every job, and one vector is updated faster than many.

    Args:
        model: its trainable parameters become views into one vector, in the order of `trainable`.
        learning_rate: β₁ is 0.9, ε is 1e-8, as in the paper and in `torch.optim.Adam`.
        second_moment: β₂.
        weight_decay: decoupled from the gradient, as in AdamW; biases and other vectors do not decay.
        warm_up: steps over which the learning rate rises from 0, in a straight line.
        clip: norm that longer directions are shortened to.
    """

    def __init__(
        self,
        model: nn.Module,
        learning_rate: float,
        *,
        second_moment: float = 0.999,
        weight_decay: float = 0.0,
        warm_up: int = 0,
        clip: float = math.inf,
    ):
        parameters = trainable(model)
        self._vector = flatten([parameter.detach() for parameter in parameters])
        for parameter, view in zip(parameters, unflatten(self._vector, parameters), strict=True):
            parameter.data = view
        self._learning_rate, self._second_moment, self._warm_up, self._clip = (
            learning_rate,
            second_moment,
            warm_up,
            clip,
        )
        self._decay = None
        if weight_decay:
            decays = [torch.full_like(parameter, weight_decay * (parameter.dim() > 1)) for parameter in parameters]
            self._decay = flatten(decays)
        self.state = {
            "exp_avg": torch.zeros_like(self._vector),
            "exp_avg_sq": torch.zeros_like(self._vector),
            "step": torch.zeros((), device=self._vector.device),
        }

    @torch.no_grad()
    def descend(self, direction: Tensor) -> None:
        """Take one step; `direction` takes the place of the gradient."""
        rate = self._learning_rate
        if self._warm_up:  # a tensor, so that a GPU need not be waited for
            rate = rate * ((self.state["step"] + 1) / self._warm_up).clamp(max=1)
        if self._clip < math.inf:
            direction = direction * (self._clip / direction.norm()).clamp(max=1)
        if self._decay is not None:
            self._vector.mul_(1 - rate * self._decay)
        adam(
            [self._vector],
            [direction],
            *([self.state[name]] for name in ("exp_avg", "exp_avg_sq")),
            max_exp_avg_sqs=[],
            state_steps=[self.state["step"]],
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=self._second_moment,
            lr=rate,
            weight_decay=0,
            eps=1e-8,
            maximize=False,
        )

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state` of before."""
        for name, tensor in state.items():
            self.state[name].copy_(tensor)


class SGD:
    """Steps along −direction: θ ← θ − η d.

    Args:
        model: its trainable parameters are changed in place.
        learning_rate: η.
    """

    def __init__(self, model: nn.Module, learning_rate: float):
        self._parameters, self._learning_rate = trainable(model), learning_rate
        self.state: dict[str, Tensor] = {}

    @torch.no_grad()
    def descend(self, direction: Tensor) -> None:
        """Take one step along −`direction`, (P,)."""
        for parameter, part in zip(self._parameters, unflatten(direction, self._parameters), strict=True):
            parameter.sub_(part, alpha=self._learning_rate)

    def load_state(self, state: dict[str, Tensor]) -> None:
        """There is none."""


def make_optimizer(model: nn.Module, settings: dict, moments: dict[str, Tensor] | None) -> Adam | SGD:
    """The optimiser of the settings; its making turns the model's parameters into views of one vector."""
    if settings["optimizer"] == "sgd":
        return SGD(model, settings["learning_rate"])
    options = settings["adamw"] if settings["optimizer"] == "adamw" else {}
    optimizer = Adam(model, settings["learning_rate"], **options)
    if settings["optimizer"] == "adam_warm":
        names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        state = {key: flatten([moments[f"{name}.{key}"] for name in names]) for key in ("exp_avg", "exp_avg_sq")}
        optimizer.load_state({**state, "step": moments["step"]})
    return optimizer
