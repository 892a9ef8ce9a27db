"""The memory that a piece of work takes at its peak, by accounting."""

import weakref
from collections.abc import Callable
from functools import partial

from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from unlearning.networks.generative import unchanged_buffers
from unlearning.training.step import Step


def peak_mib(work: Callable[[], object]) -> float:
    """Measure the memory of all tensors that `work` makes, at the moment when most of them are alive.

    These are the results of operations that autograd keeps for the backward pass, gradients, and work vectors. What
    exists before, such as weights, images and Adam's moments, does not count. Nor does memory that an operation takes
    and gives back by itself. The count is exact, needs no process of its own, and is the same on a CPU and on a GPU.

    Args:
        work: what to measure.

    Returns:
        MiB.
    """
    with _Accounting() as accounting:
        work()
    return round(accounting.peak / 2**20, 3)


def memory_of_steps(model: nn.Module, steps: list[Step], direction: Callable[[Step], Tensor]) -> float:
    """Measure the memory that a method needs to find the direction of a step; the model stays as it is.

    Args:
        model: in the modes of training.
        steps: with their batches drawn. Some methods take two kinds of steps in turn: the largest memory counts.
        direction: of the method.

    Returns:
        MiB, see `peak_mib`.
    """
    with unchanged_buffers(model):
        return max(peak_mib(partial(direction, step)) for step in steps)


class _Accounting(TorchDispatchMode):
    """Adds the bytes of each new storage, and subtracts them when the storage is freed."""

    def __init__(self):
        super().__init__()
        self._known, self._alive, self.peak = WeakIdKeyDictionary(), 0, 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        options = options or {}
        for storage in _storages((arguments, options)):
            self._known.setdefault(storage, None)  # made before the accounting
        result = function(*arguments, **options)
        for storage in _storages(result):
            if storage not in self._known:
                size = storage.nbytes()
                self._known[storage] = weakref.finalize(storage, self._add, -size)
                self._add(size)
        return result

    def _add(self, size: int) -> None:
        self._alive += size
        self.peak = max(self.peak, self._alive)


def _storages(values: object) -> list:
    return [value.untyped_storage() for value in tree_leaves(values) if isinstance(value, Tensor)]
