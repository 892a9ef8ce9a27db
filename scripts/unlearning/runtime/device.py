"""The device a job computes on, set up so that the same seed gives the same numbers."""

import ctypes
import logging
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from unlearning.runtime import gpus

logger = logging.getLogger(__name__)


def prepare_device(name: str) -> torch.device:
    """Choose the device, wait until it is free, and make it deterministic.

    One thread, whatever `--cores` is: floating-point sums depend on the number of threads, and on
    shared cores several jobs at once beat several threads in one.

    Args:
        name: 'cpu', 'cuda', or 'auto' for CUDA where there is a GPU.

    Raises:
        RuntimeError: 'cuda' is asked for and there is no GPU.
    """
    torch.set_num_threads(1)
    _keep_freed_memory()
    if name == "cpu":
        return torch.device("cpu")  # one thread is deterministic, and the switch below costs a second of imports
    if not torch.cuda.is_available():
        if name == "cuda":
            raise RuntimeError(
                "device: cuda, but torch sees no GPU here; set device to cpu or auto in the experiment's file"
            )
        logger.info("device: auto, and torch sees no GPU here: computing on the CPU")
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.allow_tf32 = False  # torch's default is to round the factors of convolutions to 10 bits
    cards = [str(torch.cuda.get_device_properties(index).uuid) for index in range(torch.cuda.device_count())]
    device = torch.device("cuda", cards.index(gpus.claim(cards)))
    with explain_out_of_memory():
        torch.cuda.set_device(device)
    logger.info("computing on GPU %s, %s", device.index, torch.cuda.get_device_name(device))
    return device


def _keep_freed_memory() -> None:
    """Let the C library reuse freed memory instead of returning every larger array to the system.

    The page faults of getting it back cost a third of a training step on a virtual machine.
    """
    trim_threshold, most_mappings = -1, -4  # of glibc's malloc.h; other systems have no such function
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(most_mappings, 0)
        mallopt(trim_threshold, 2**30)


def reduced_precision(name: str, device: torch.device) -> torch.autocast:
    """A context in which a model is evaluated in less than float32, where that is asked for; weights stay float32.

    Args:
        name: 'float32'; 'tf32', float32 whose factors are rounded to 10 bits, from now on in the whole
            process; or 'bfloat16', by autocast.
        device: that computes.
    """
    if name == "tf32":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    return torch.autocast(device.type, torch.bfloat16, enabled=name == "bfloat16")


@contextmanager
def explain_out_of_memory(key: str | None = None, count: int = 0) -> Iterator[None]:
    """Say what to do where a GPU has too little memory.

    Args:
        key: of the configuration, that says how many images are computed with at a time; None where that is fixed.
        count: its value.

    Raises:
        RuntimeError: the GPU ran out of memory.
    """
    try:
        yield
    except RuntimeError as error:  # of several kinds: torch's own allocator raises one, the driver another
        if "out of memory" not in str(error):
            raise
        lower = f"set {key} to {count // 2} or less in the experiment's file, which starts afresh, or " if key else ""
        raise RuntimeError(
            f"the GPU ran out of memory{f' with {key} = {count}' if key else ''}: {error}\nIf others use it too, wait "
            "for them or set gpu_slots: 1 in config.yaml: the same command goes on from what is saved. If not, "
            f"{lower}take a larger GPU, as it must be where the images alone, which all stay on it, take most of the "
            "memory."
        ) from error


def describe_device(device: torch.device) -> dict:
    """Device, GPU and threads of this process, for the record of a run."""
    return {
        "device": device.type,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "gpu_uuid": str(torch.cuda.get_device_properties(device).uuid) if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
    }


def peak_memory_mib(device: torch.device) -> float:
    """The most memory so far in MiB: allocated on the GPU, or resident of the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
