"""The device a job computes on, set up so that the same seed gives the same numbers."""

import os
import resource
import sys

import torch


def prepare_device(name: str) -> torch.device:
    """Choose the device and make it deterministic.

    One thread, whatever `--cores` is: floating-point sums depend on the number of threads, and on
    shared cores several jobs at once beat several threads in one.

    Args:
        name: 'cpu', 'cuda', or 'auto' for CUDA where there is a GPU.

    Raises:
        RuntimeError: 'cuda' is asked for and there is no GPU.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise RuntimeError(
            "device: cuda, but torch sees no GPU here; set device to cpu or auto in the experiment's file"
        )
    torch.set_num_threads(1)
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")  # one thread is deterministic, and the switch below costs a second of imports
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    return torch.device("cuda")


def describe_device(device: torch.device) -> dict:
    """Device, GPU and threads of this process, for the record of a run."""
    return {
        "device": device.type,
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "threads": torch.get_num_threads(),
    }


def peak_memory_mib(device: torch.device) -> float:
    """The most memory so far in MiB: allocated on the GPU, or resident of the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
