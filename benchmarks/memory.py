"""The memory that a piece of work takes at its peak."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import torch

from unlearning.config.load import load_experiment
from unlearning.runtime.device import peak_memory_mib, prepare_device

# Not `spawn`: Linux counts the memory of the process that starts a program as the program's own.
PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload(["torch"])


def peak_mib(work: Callable[[dict, torch.device], None], experiment: dict, device: torch.device) -> float:
    """Measure the memory that `work(experiment, device)` takes at its peak, with its model and images.

    On a CPU, only the peak of a whole process is known. So the work runs in a process of its own, and the peak of
    another process is subtracted, which does the same work with the small model of configs/digits.yaml.

    Args:
        work: what to measure; it must be possible to pickle it.
        experiment: a checked configuration.
        device: the device that computes.

    Returns:
        MiB.
    """
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        work(experiment, device)
        return round(peak_memory_mib(device) - before / 2**20, 1)
    small, peaks = load_experiment("digits"), []
    for each in (experiment, small | {"guide": small["judge"]}):
        with ProcessPoolExecutor(1, PROCESSES) as pool:
            peaks.append(pool.submit(_peak_of_this_process, work, each).result())
    return round(peaks[0] - peaks[1], 1)


def _peak_of_this_process(work: Callable[[dict, torch.device], None], experiment: dict) -> float:
    device = prepare_device("cpu")
    work(experiment, device)
    return peak_memory_mib(device)
