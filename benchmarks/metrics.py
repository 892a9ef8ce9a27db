"""Measure what Fréchet distances on Inception's features cost: features per second, and the distance itself.

Inception gets random weights, which cost the same as the published ones. Where there is
a GPU, it computes the features in mixed precision, and their error relative to single precision is measured, too.
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
    """The network with random weights, through a file in the format of the published weights."""
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


def throughput(count: int, device: torch.device) -> dict[str, float]:
    """Measure how fast Inception gives features.

    Args:
        count: of colour images of 64×64 pixels.
        device: that Inception computes on.

    Returns:
        `images_per_second`; on a GPU also `relative_error`, of the features relative to the features on the CPU.
    """
    inception = random_inception(device)
    generator = torch.Generator().manual_seed(0)
    images = (torch.rand(count, 3, 64, 64, generator=generator) * 255).to(torch.uint8).to(device)
    inception.features(images[:2])  # the first call chooses algorithms
    start = now(device)
    features = inception.features(images)
    seconds = now(device) - start
    result = {"images_per_second": round(count / seconds, 1)}
    if device.type == "cuda":
        exact = random_inception(torch.device("cpu")).features(images[:8].cpu()).float()
        error = (features[:8].cpu().float() - exact).norm() / exact.norm()
        result["relative_error"] = float(f"{error:.1e}")
    return result


def distances(size: int) -> dict[str, float]:
    """Measure the Fréchet distance from moments, ours and that of pytorch-fid.

    Args:
        size: number of features.

    Returns:
        `seconds` of ours, `pytorch_fid_seconds`, their `ratio`, and the `relative_difference` of the two distances.
    """
    generator = np.random.default_rng(0)
    # The variances fall over some orders of magnitude, as those of Inception's features do.
    mixing = generator.normal(size=(size, size)) * np.exp(-np.arange(size) / (size / 8))
    first, second = (moments(generator.normal(shift, size=(2 * size, size)) @ mixing) for shift in (0, 0.1))
    our_seconds, their_seconds = [], []
    for _ in range(REPETITIONS):  # in turn, because the machine's speed changes
        start = time.perf_counter()
        ours = frechet_distance(*first, *second)
        our_seconds.append(time.perf_counter() - start)
        start = time.perf_counter()
        with redirect_stdout(io.StringIO()):  # pytorch-fid prints where it adds to the diagonal
            theirs = float(calculate_frechet_distance(*first, *second))
        their_seconds.append(time.perf_counter() - start)
    ratios = [slow / fast for fast, slow in zip(our_seconds, their_seconds, strict=True)]
    return {
        "seconds": round(statistics.median(our_seconds), 2),
        "pytorch_fid_seconds": round(statistics.median(their_seconds), 2),
        "ratio": round(statistics.median(ratios), 1),
        "relative_difference": float(f"{abs(ours - theirs) / theirs:.1e}"),
    }


def main() -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100, help="number of images; take thousands on a GPU")
    count = parser.parse_args().images
    device = prepare_device("auto")
    result = {
        "device": describe_device(device),
        "inception": throughput(count, device),
        "frechet_distance_by_features": {size: distances(size) for size in (256, inception_weights.FEATURES)},
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
