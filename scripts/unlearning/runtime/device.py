"""The device that a job computes on, prepared so that the same seed gives the same numbers."""

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

    A job computes with one thread, whatever `--cores` is: sums of floating-point numbers depend on the number of
    threads, and on shared cores several jobs with one thread finish sooner than one job with several.

    Args:
        name: 'cpu', 'cuda', or 'auto' for CUDA where there is a GPU.

    Returns:
        The device.

    Raises:
        RuntimeError: the name is 'cuda' and there is no GPU.
    """
    torch.set_num_threads(1)
    _keep_freed_memory()
    if name == "cpu":
        return torch.device("cpu")  # one thread is deterministic; the switch below would cost a second of imports
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
    torch.backends.cudnn.allow_tf32 = False  # by default, torch rounds the factors of convolutions to 10 bits
    cards = [str(torch.cuda.get_device_properties(index).uuid) for index in range(torch.cuda.device_count())]
    device = torch.device("cuda", cards.index(gpus.claim(cards)))
    with explain_out_of_memory():
        torch.cuda.set_device(device)
    logger.info("computing on GPU %s, %s", device.index, torch.cuda.get_device_name(device))
    return device


def _keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next array and not return it to the system.

    Otherwise page faults take a third of a training step on a virtual machine.
    """
    trim_threshold, mmap_max = -1, -4  # from glibc's malloc.h; other systems have no such function
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**30)


def reduced_precision(name: str, device: torch.device) -> torch.autocast:
    """Make a context in which a model is evaluated with less precision than float32; its weights stay float32.

    Args:
        name: 'float32'; 'tf32', which is float32 with factors rounded to 10 bits, from now on in the whole process;
            or 'bfloat16', by autocast.
        device: the device that computes.

    Returns:
        The context; it changes nothing for 'float32' and 'tf32'.
    """
    if name == "tf32":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    return torch.autocast(device.type, torch.bfloat16, enabled=name == "bfloat16")


@contextmanager
def explain_out_of_memory(key: str | None = None, count: int = 0) -> Iterator[None]:
    """Say what to do where a GPU has too little memory.

    Args:
        key: key of the configuration that sets how many images are computed with at a time; None where this number
            is fixed.
        count: value of the key.

    Yields:
        None.

    Raises:
        RuntimeError: the GPU ran out of memory.
    """
    try:
        yield
    except RuntimeError as error:  # torch's allocator raises one kind, the driver another
        if "out of memory" not in str(error):
            raise
        lower = f"set {key} to {count // 2} or less in the experiment's file, which starts afresh, or " if key else ""
        raise RuntimeError(
            f"the GPU ran out of memory{f' with {key} = {count}' if key else ''}: {error}\nIf others use this GPU too, "
            "wait for them or set gpu_slots: 1 in config.yaml; the same command resumes from the saved state. If not, "
            f"{lower}take a larger GPU. All images stay on the GPU: where they take most of its memory, only a larger "
            "GPU helps."
        ) from error


def describe_device(device: torch.device) -> dict:
    """Describe the device and the threads of this process, for the record of a run."""
    return {
        "device": device.type,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "gpu_uuid": str(torch.cuda.get_device_properties(device).uuid) if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
    }


def peak_memory_mib(device: torch.device) -> float:
    """Return the peak memory in MiB: allocated on the GPU, or resident of the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
