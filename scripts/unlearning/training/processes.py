"""Training in several processes, on as many GPUs or cores: each process computes its share of every batch.

Every process runs the loop of `train` with the same seeds. So every process knows the order of the images and the noise
of the whole batch. A process computes the losses of its own rows alone. Two sums over all processes give each process
the losses of the whole batch, for the curve, and the gradient of their mean, for the step. All processes then take the
same step. What is trained is what one process would train, up to the order of floating-point sums.

torch's `DistributedDataParallel` gives the same gradient. It does so in hooks of `backward()`, and the loop asks
`torch.autograd.grad`, which does not run these hooks. Hooks of the parameters themselves, as here, always run.

Batch normalisation would see the rows of one process, and not the batch. Such models are refused. torch's
`SyncBatchNorm` is for GPUs only, and could not be tested without them.
"""

import logging
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partialmethod

import torch
import torch.multiprocessing as mp
from torch import Tensor, distributed, nn
from tqdm import tqdm

from unlearning.networks.running_statistics import has_running_statistics
from unlearning.runtime import gpus, stop
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import prepare_device
from unlearning.runtime.job import GRACE, end_with_parents
from unlearning.training.train import losses_of_images
from unlearning.training.vectors import trainable

logger = logging.getLogger(__name__)
LOOPBACK = "lo" if sys.platform == "linux" else "lo0"  # the network interface between processes of one machine


def run_in_processes(count: int, device: str, work: Callable, *arguments: object) -> None:
    """Call a function in several processes, which can reach each other through `torch.distributed`.

    When one of them ends with an error, the others are ended. A request to stop this process is passed on to them.

    Args:
        count: number of processes.
        device: 'cpu', 'cuda', or 'auto' for CUDA where there is a GPU; each process has a GPU of its own.
        work: a function at the top level of a module, of a `torch.device` and the arguments. Only the first process,
            whose `torch.distributed.get_rank()` is 0, may write files.
        arguments: what can be pickled.

    Raises:
        torch.multiprocessing.ProcessRaisedException: a process failed; the message has its traceback.
        torch.multiprocessing.ProcessExitedException: a process was killed.
        SystemExit: this process was asked to stop, and the others have ended.
    """
    stop.listen()
    cards = _claim_cards(count, device)
    with tempfile.TemporaryDirectory() as folder:
        inside = (count, cards, folder, work, arguments)
        context = mp.start_processes(_process, inside, count, join=False, daemon=True, start_method="spawn")
        running = list(context.processes)
        try:
            while not context.join(timeout=0.5, grace_period=GRACE):
                while stop.requested.is_set() and running:
                    running.pop().terminate()
        except (mp.ProcessExitedException, mp.ProcessRaisedException) as error:
            if stop.requested.is_set():
                raise SystemExit(stop.EXIT_CODE) from error
            raise


def _claim_cards(count: int, device: str) -> list[str]:
    """Hold a slot of as many GPUs until this process ends.

    Args:
        count: how many.
        device: see `run_in_processes`.

    Returns:
        For each GPU, the value of CUDA_VISIBLE_DEVICES that shows it alone; no GPUs for the CPU.

    Raises:
        RuntimeError: there are GPUs, or must be, and fewer than processes.
    """
    there = 0 if device == "cpu" else torch.cuda.device_count()
    if there < count and (there or device == "cuda"):
        raise RuntimeError(
            f"training.processes = {count}: each process needs a GPU, and torch sees {there} here; lower it, or set "
            "device to cpu in the experiment's file"
        )
    if not there:
        return []
    cards = [str(torch.cuda.get_device_properties(index).uuid) for index in range(there)]
    names = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(there)))).split(",")
    return [names[cards.index(card)].strip() for card in gpus.claim_several(cards, count)]


def _process(rank: int, count: int, cards: list[str], folder: str, work: Callable, arguments: tuple) -> None:
    """What one of the processes does, from its start."""
    end_with_parents()
    logging.basicConfig(
        level=logging.INFO if rank == 0 else logging.WARNING, format=f"%(asctime)s process {rank}: %(message)s"
    )
    if rank:
        tqdm.__init__ = partialmethod(tqdm.__init__, disable=True)  # all processes would show the same progress
    if cards:
        os.environ["CUDA_VISIBLE_DEVICES"] = cards[rank]
        # The process that started this one holds the slots of the cards. In a folder of their own, they are free.
        tempfile.tempdir = folder
    device = prepare_device("cuda" if cards else "cpu")
    os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK)
    backend = "cpu:gloo,cuda:nccl" if cards else "gloo"
    store = distributed.FileStore(f"{folder}/meeting", count)  # unlike a port, no other job can take it
    distributed.init_process_group(backend, store=store, rank=rank, world_size=count)
    try:
        work(device, *arguments)
    except Exception:
        # The processes that wait for this one fail, too. The log has what came first.
        logger.exception("failed")
        raise
    distributed.destroy_process_group()


def shared_losses(
    model: nn.Module, images: Tensor, labels: Tensor, *, precision: str, compiled: bool
) -> Callable[[Tensor, torch.Generator], Tensor]:
    """`losses_of_images`, computed by all processes together. From now on, so are gradients of the model's parameters.

    Args:
        model: a generative model, with the same weights in each process.
        images: (N, C, H, W) uint8, on the model's device.
        labels: (N,) class numbers, on the same device.
        precision: 'float32', 'tf32' or 'bfloat16'.
        compiled: whether torch's compiler compiles the loss.

    Returns:
        A function of image indices (B,) and a generator for noise, which all processes call with the same images and
        the same state of the generator. It returns the losses (B,). Those of other processes are constants.

    Raises:
        ValueError: the model has batch normalisation, or what `losses_of_images` raises.
    """
    if has_running_statistics(model):
        raise ValueError("training.processes: a model with batch normalisation is trained by one process; set it to 1")
    for parameter in trainable(model):
        parameter.register_hook(_sum_over_processes)
    own_losses = losses_of_images(_Share(model), images, labels, precision=precision, compiled=compiled)

    def losses(indices: Tensor, generator: torch.Generator) -> Tensor:
        own, rows = own_losses(indices, generator), _own_rows(len(indices))
        whole = own.new_zeros(len(indices))
        whole[rows] = own.detach()
        distributed.all_reduce(whole)
        return torch.cat([whole[: rows.start], own, whole[rows.stop :]])

    return losses


class _Share:
    """A model whose losses are those of this process's rows of a batch."""

    def __init__(self, model: nn.Module):
        self._model = model

    def __getattr__(self, name: str) -> object:
        return getattr(self._model, name)

    def losses(self, images: Tensor, noise: Tensor) -> Tensor:
        """The losses of this process's rows, for images (B, C, H, W) and noise (B, ...)."""
        rows = _own_rows(len(images))
        return self._model.losses(images[rows], noise[rows])


def _own_rows(size: int) -> slice:
    """This process's rows of a batch; the sizes of shares differ by at most one."""
    rank, count = distributed.get_rank(), distributed.get_world_size()
    return slice(size * rank // count, size * (rank + 1) // count)


def _sum_over_processes(gradient: Tensor) -> Tensor:
    total = gradient.clone(memory_format=torch.contiguous_format)  # a hook must not change what it gets
    distributed.all_reduce(total)
    return total


class SharedCheckpoint(Checkpoint):
    """A checkpoint of which all processes agree when to save. The first one writes the file, and each one reads it."""

    def due(self) -> bool:
        """Tell whether to save now, as the first process decides."""
        return _of_first(super().due())

    def save(self, state: dict) -> None:
        """Write the state, in the first process.

        Args:
            state: see `Checkpoint.save`.

        Raises:
            SystemExit: the first process was asked to stop. All processes end, once the file is written.
        """
        stopping = False
        if distributed.get_rank() == 0:
            try:
                super().save(state)
            except SystemExit:
                stopping = True
        if _of_first(stopping):
            raise SystemExit(stop.EXIT_CODE)


def _of_first(value: bool) -> bool:
    """The value that the first process has."""
    message = torch.tensor(value)  # on the CPU: no process waits for its GPU
    distributed.broadcast(message, 0)
    return message.item()
