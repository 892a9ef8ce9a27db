"""Random streams: one independent generator for each purpose of a run.

No stream depends on how much another was used, so that measuring more often, or resuming, changes
nothing else; and two methods with the same seed see the same batches and the same noise.
"""

import hashlib

import torch


def stream_seed(seed: int, purpose: str) -> int:
    """The seed of the stream for `purpose` in the run with `seed`."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{purpose}".encode()).digest()[:8]) >> 1


def stream(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for `purpose` in the run with `seed`."""
    return torch.Generator(device).manual_seed(stream_seed(seed, purpose))
