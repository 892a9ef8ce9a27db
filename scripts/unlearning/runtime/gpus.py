"""Sharing the GPUs of one machine: every job holds a slot of one card for as long as it lives.

Snakemake never sets CUDA_VISIBLE_DEVICES, and its own count of a resource ends where a second
Snakemake begins. A slot is a file locked by the kernel, so it is free again however a job ends.
Nothing here imports torch.
"""

import fcntl
import os
import re
import subprocess
import tempfile
import time
from itertools import takewhile
from pathlib import Path

from tqdm import tqdm

from unlearning.runtime import lock

SLOTS_VARIABLE = "UNLEARNING_GPU_SLOTS"
_held = []


def count_cards() -> int:
    """How many GPUs this machine has, by nvidia-smi, and CUDA_VISIBLE_DEVICES does not hide; 0 where there is none."""
    try:
        listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return 0
    cards = listed.stdout.splitlines()
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        # As CUDA reads it: what follows an entry that is no card is hidden too.
        named = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
        cards = cards[: len(list(takewhile(lambda name: re.match(r"\s*(\d|GPU-|MIG-)", name), named)))]
    return len(cards)


def claim(cards: list[str], folder: Path | None = None) -> str:
    """Wait for a free slot on any card, take it until this process ends, and return the card.

    How many jobs may share a card stands in the environment (`gpu_slots` of config.yaml puts it there).

    Args:
        cards: their names, the same in every process that may use them, such as UUIDs.
        folder: of the lock files; None for one of this user in the folder for temporary files.
    """
    folder = folder or Path(tempfile.gettempdir()) / f"unlearning-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    slots = int(os.environ.get(SLOTS_VARIABLE, "1"))
    with tqdm(desc="waiting for a free GPU", unit=" s", mininterval=30, delay=1) as waiting:
        while True:
            for slot in range(slots):  # every card's first slot before any card's second
                for card in cards:
                    holder = (folder / f"{card}.{slot}").open("a")
                    try:
                        lock.take(holder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        holder.close()
                    else:
                        _held.append(holder)
                        return card
            time.sleep(0.5)
            waiting.update(0.5)
