"""Random streams: one independent generator for each purpose of a run.

A stream does not depend on how much another stream was used: more measurements, or a resumed job, change nothing
else. Two methods with the same seed get the same batches and the same noise.

The purposes are: `initialisation` of a model, `training order {epoch}` and `training noise`, `classifier {network}`;
`unlearning {retain, forget, samples, histogram, method, preparation}` and `published latents` in an unlearning run;
`evaluation samples`, `reference samples`, `losses {group}`, `densities {group}` and `completions {group}` in
evaluations; `running statistics` and `running statistics noise` in both.
"""

import hashlib

import torch


def stream_seed(seed: int, purpose: str) -> int:
    """Compute the seed of the stream for `purpose` in the run with `seed`."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{purpose}".encode()).digest()[:8]) >> 1


def stream(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Make the generator for `purpose` in the run with `seed`."""
    return torch.Generator(device).manual_seed(stream_seed(seed, purpose))
