"""Measure what Fréchet distances on Inception's features cost: features per second, and the distance itself.

`make bench` runs it, without Inception's published weights: random ones cost the same. A GPU is used where there
is one, for features in mixed precision, whose error against single precision is given too.
"""

import argparse
import io
import json
import statistics
import time
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import numpy as np
import torch
from pytorch_fid import inception as pytorch_fid
from pytorch_fid.fid_score import calculate_frechet_distance

from unlearning.evaluation.statistics import moments
from unlearning.io import inception_weights
from unlearning.io.files import sha256_of_file
from unlearning.metrics.fid import frechet_distance
from unlearning.networks.inception import Inception
from unlearning.runtime.device import describe_device, prepare_device
from unlearning.training.monitoring import now

REPETITIONS = 3


def random_inception(device: torch.device) -> Inception:
    """The network with random weights, through a file in the format of the published ones."""
    with TemporaryDirectory() as name:
        folder = Path(name) / "checkpoints"
        folder.mkdir()
        torch.manual_seed(0)
        with (
            mock.patch.object(pytorch_fid, "load_state_dict_from_url"),
            mock.patch.object(torch.nn.Module, "load_state_dict"),
        ):
            state = pytorch_fid.fid_inception_v3().state_dict()
        torch.save(state, folder / inception_weights.FILE)
        checksum = f"sha256:{sha256_of_file(folder / inception_weights.FILE)}"
        with mock.patch.dict(inception_weights.INCEPTION["files"], {inception_weights.FILE: checksum}):
            return Inception(folder, device)


def throughput(images: int, device: torch.device) -> dict[str, float]:
    """Features of 64×64 colour images per second; on a GPU also their error relative to those of the CPU."""
    inception = random_inception(device)
    generator = torch.Generator().manual_seed(0)
    pictures = (torch.rand(images, 3, 64, 64, generator=generator) * 255).to(torch.uint8).to(device)
    inception.features(pictures[:2])  # the first time chooses algorithms
    started = now(device)
    features = inception.features(pictures)
    seconds = now(device) - started
    measured = {"images_per_second": round(images / seconds, 1)}
    if device.type == "cuda":
        exact = random_inception(torch.device("cpu")).features(pictures[:8].cpu()).float()
        error = (features[:8].cpu().float() - exact).norm() / exact.norm()
        measured["relative_error"] = float(f"{error:.1e}")
    return measured


def distances(size: int) -> dict[str, float]:
    """Seconds of the Fréchet distance from moments of `size` features, ours and pytorch-fid's, and how they agree."""
    generator = np.random.default_rng(0)
    # Variances that fall as those of Inception's features do, over some orders of magnitude.
    mix = generator.normal(size=(size, size)) * np.exp(-np.arange(size) / (size / 8))
    first, second = (moments(generator.normal(shift, size=(2 * size, size)) @ mix) for shift in (0, 0.1))
    values, seconds = {}, {frechet_distance: [], calculate_frechet_distance: []}
    for _ in range(REPETITIONS):
        for distance, times in seconds.items():  # in turn, for the machine's speed changes
            started = time.perf_counter()
            with redirect_stdout(io.StringIO()):  # pytorch-fid prints where it adds to the diagonal
                values[distance] = float(distance(*first, *second))
            times.append(time.perf_counter() - started)
    ours, theirs = values.values()
    ratios = [slow / fast for fast, slow in zip(*seconds.values(), strict=True)]
    return {
        "seconds": round(statistics.median(seconds[frechet_distance]), 2),
        "pytorch_fid_seconds": round(statistics.median(seconds[calculate_frechet_distance]), 2),
        "ratio": round(statistics.median(ratios), 1),
        "relative_difference": float(f"{abs(ours - theirs) / theirs:.1e}"),
    }


def main() -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100, help="for the features; take thousands on a GPU")
    images = parser.parse_args().images
    device = prepare_device("auto")
    measured = {
        "device": describe_device(device),
        "inception": throughput(images, device),
        "frechet_distance_by_features": {size: distances(size) for size in (256, inception_weights.FEATURES)},
    }
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
