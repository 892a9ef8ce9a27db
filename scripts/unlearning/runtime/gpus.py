"""Sharing the GPUs of one machine: every job holds a slot of one card until it ends.

Snakemake never sets CUDA_VISIBLE_DEVICES, and a second Snakemake does not know what the first one counts. A slot is
a file that the kernel locks: it is free again however a job ends. Nothing here imports torch.
"""

import fcntl
import os
import re
import subprocess
import tempfile
import time
from itertools import islice, takewhile
from pathlib import Path

from tqdm import tqdm

from unlearning.runtime import lock

SLOTS_VARIABLE = "UNLEARNING_GPU_SLOTS"  # environment variable: how many jobs share a card; `gpu_slots` sets it
_held = []  # open files, whose locks end with this process


def count_cards() -> int:
    """Count the GPUs that nvidia-smi lists and CUDA_VISIBLE_DEVICES does not hide; 0 without nvidia-smi."""
    try:
        listing = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return 0
    cards = listing.stdout.splitlines()
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        # CUDA also hides all cards that follow an entry that is no card.
        entries = os.environ["CUDA_VISIBLE_DEVICES"].split(",")
        cards = cards[: len(list(takewhile(lambda entry: re.match(r"\s*(\d|GPU-|MIG-)", entry), entries)))]
    return len(cards)


def may_have_card() -> bool:
    """Tell whether torch could find a GPU here: whether there is a card of any kind, also without nvidia-smi."""
    devices = [path for pattern in ("nvidia[0-9]*", "kfd", "dxg") for path in Path("/dev").glob(pattern)]
    return bool(count_cards() or devices)


def claim(cards: list[str], folder: Path | None = None) -> str:
    """Wait for a free slot of any card and hold it until this process ends.

    Args:
        cards: names of the cards, such as UUIDs; the same in every process that may use them.
        folder: folder of the lock files; None for a folder of this user among the temporary files.

    Returns:
        Name of the card.
    """
    folder = folder or Path(tempfile.gettempdir()) / f"unlearning-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Every card's first slot comes before any card's second.
    slots = [folder / f"{card}.{slot}" for slot in range(int(os.environ.get(SLOTS_VARIABLE, "1"))) for card in cards]
    with tqdm(desc="waiting for a free GPU", unit=" s", mininterval=30, delay=1) as progress:
        while True:
            for slot in slots:
                if _hold(slot):
                    return slot.stem
            time.sleep(0.5)
            progress.update(0.5)


def claim_several(cards: list[str], count: int, folder: Path | None = None) -> list[str]:
    """Wait until enough cards have a free slot, and hold a slot of each until this process ends.

    The slots are taken all at once or not at all. A process that held one and waited for another could wait for ever
    for a process that does the same.

    Args:
        cards: see `claim`.
        count: how many of them to hold.
        folder: see `claim`.

    Returns:
        Names of the cards, each once.
    """
    folder = folder or Path(tempfile.gettempdir()) / f"unlearning-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    numbers = range(int(os.environ.get(SLOTS_VARIABLE, "1")))
    with tqdm(desc=f"waiting for {count} free GPUs", unit=" s", mininterval=30, delay=1) as progress:
        while True:
            before = len(_held)
            free = (card for card in cards if any(_hold(folder / f"{card}.{number}") for number in numbers))
            if len(held := list(islice(free, count))) == count:
                return held
            while len(_held) > before:
                _held.pop().close()
            time.sleep(0.5)
            progress.update(0.5)


def _hold(slot: Path) -> bool:
    """Lock a slot's file until this process ends; False where another process holds the lock."""
    file = slot.open("a")  # noqa: PLW1514 -- nothing is written
    try:
        lock.take(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _held.append(file)
    return True
