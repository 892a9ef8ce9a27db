"""Optimisers on the flat parameter vector: Adam (Kingma & Ba 2015), AdamW (Loshchilov & Hutter 2019) and SGD."""

import math
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

from unlearning.training.settings import UnlearningSettings
from unlearning.training.vectors import flatten, trainable, trainable_names, unflatten

MOMENTS = ("exp_avg", "exp_avg_sq")  # torch's names of Adam's first and second moment


class Optimizer(Protocol):
    """What an optimiser offers.

    Attributes:
        state: what the next step depends on beside the parameters, by name.
    """

    state: dict[str, Tensor]

    def descend(self, direction: Tensor) -> None:
        """Take one step along −`direction`, (P,)."""

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue from an earlier `state`."""


class Adam:
    """Adam and AdamW, for directions (P,) as methods give them; each step goes along −direction.

    The arithmetic is torch's function `adam`. The object `torch.optim.Adam` is not used: creating it imports torch's
    compiler, 4.2 s of import on the first use. And one vector is updated faster than many tensors.

    Args:
        model: its trainable parameters become views of one vector, in the order of `trainable`.
        learning_rate: η. β₁ is 0.9 and ε is 1e-8, as in the paper and in `torch.optim.Adam`.
        second_moment: β₂.
        weight_decay: decoupled from the gradient, as in AdamW. Biases and other vectors do not decay.
        warm_up: steps over which the learning rate rises linearly from 0.
        clip: norm to which longer directions are shortened.
        steps: length of the training, over which the learning rate falls to 0 as a half cosine; None if it stays.
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
        steps: int | None = None,
    ):
        parameters = trainable(model)
        self._vector = flatten([parameter.detach() for parameter in parameters])
        for parameter, view in zip(parameters, unflatten(self._vector, parameters), strict=True):
            parameter.data = view
        self._learning_rate, self._second_moment = learning_rate, second_moment
        self._warm_up, self._clip, self._steps = warm_up, clip, steps
        self._decay = None
        if weight_decay:
            decays = [weight_decay if parameter.dim() > 1 else 0.0 for parameter in parameters]
            self._decay = flatten([torch.full_like(*each) for each in zip(parameters, decays, strict=True)])
        self.state = {name: torch.zeros_like(self._vector) for name in MOMENTS}
        self.state["step"] = torch.zeros((), device=self._vector.device)

    @torch.no_grad()
    def descend(self, direction: Tensor) -> None:
        """Take one step; `direction`, (P,), takes the place of the gradient."""
        rate = self._learning_rate
        if self._warm_up:  # a tensor, because reading a number from a GPU would make the loop wait for it
            rate = rate * ((self.state["step"] + 1) / self._warm_up).clamp(max=1)
        if self._steps:
            rate = rate * (1 + torch.cos(math.pi * self.state["step"] / self._steps)) / 2
        if self._clip < math.inf:
            direction = direction * (self._clip / direction.norm()).clamp(max=1)
        if self._decay is not None:
            self._vector.mul_(1 - rate * self._decay)
        adam(
            [self._vector],
            [direction],
            *([self.state[name]] for name in MOMENTS),
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
        """Continue from an earlier `state`."""
        for name, tensor in state.items():
            self.state[name].copy_(tensor)


class SGD:
    """Stochastic gradient descent: θ ← θ − η d.

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
        """Do nothing: SGD has no state."""


class SomeWeights:
    """An optimiser that changes some of the weights. The others stay bit by bit the same.

    A direction that is 0 at a weight does not suffice: Adam's moments and weight decay move the weight all the same.

    Args:
        optimizer: takes the steps.
        model: the model of the optimiser; its present weights are those that stay.
        movable: (P,) bool, True for the weights that may change.
    """

    def __init__(self, optimizer: Optimizer, model: nn.Module, movable: Tensor):
        self._optimizer, self._parameters = optimizer, trainable(model)
        self._movable = unflatten(movable, self._parameters)
        self._start = [parameter.detach().clone() for parameter in self._parameters]
        self.state, self.load_state = optimizer.state, optimizer.load_state

    @torch.no_grad()
    def descend(self, direction: Tensor) -> None:
        """Take one step along −`direction`, (P,), and put the weights that may not change back."""
        self._optimizer.descend(direction)
        for parameter, movable, start in zip(self._parameters, self._movable, self._start, strict=True):
            parameter.copy_(torch.where(movable, parameter, start))


def make_optimizer(
    model: nn.Module, settings: UnlearningSettings, moments: dict[str, Tensor] | None = None
) -> Optimizer:
    """The optimiser of the settings; Adam makes the model's parameters views of one vector.

    Args:
        model: its trainable parameters are optimised.
        settings: name and options of the optimiser.
        moments: where Adam starts, see `moments_by_name`; None to start afresh.

    Returns:
        The optimiser.
    """
    if settings.optimizer == "sgd":
        return SGD(model, settings.learning_rate)
    if settings.optimizer == "adamw":
        return Adam(model, settings.learning_rate, **settings.adamw)
    optimizer = Adam(model, settings.learning_rate)
    if moments is not None:
        optimizer.load_state(state_from_moments(model, moments))
    return optimizer


def moments_by_name(model: nn.Module, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Adam's `state` with the moments of each parameter, `{name}.exp_avg` and `{name}.exp_avg_sq`, and its `step`."""
    moments = {"step": state["step"]}
    for key in MOMENTS:
        parts = unflatten(state[key], trainable(model))
        moments |= {f"{name}.{key}": part for name, part in zip(trainable_names(model), parts, strict=True)}
    return moments


def state_from_moments(model: nn.Module, moments: dict[str, Tensor]) -> dict[str, Tensor]:
    """Adam's `state` for the trainable parameters of a model; reverses `moments_by_name`."""
    names = trainable_names(model)
    state = {key: flatten([moments[f"{name}.{key}"] for name in names]) for key in MOMENTS}
    return {**state, "step": moments["step"]}
