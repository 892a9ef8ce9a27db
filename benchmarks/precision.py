"""Show what less precision than float32 does to the loss curve of a model, beside what another seed does.

On a CPU, the model is the VAE of configs/mnist.yaml, in bfloat16. On a GPU, there are also the
convolutional VAE of configs/celeba.yaml and tf32: both would take hours on a CPU. The images are crops of the two
photographs that come with scikit-learn.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_sample_images

from unlearning.config.load import load_experiment, load_settings
from unlearning.data.description import describe_dataset
from unlearning.io.files import atomic_path
from unlearning.networks import generative
from unlearning.reporting import plotting
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import describe_device, prepare_device
from unlearning.training.train import losses_of_images, train

SEEDS = (0, 1)


def crops(count: int, shape: list[int]) -> torch.Tensor:
    """Images (count, C, H, W) uint8, cut from the photographs at random places; grey if C = 1."""
    generator, photographs = np.random.default_rng(0), load_sample_images().images
    channels, *size = shape
    images = []
    for number in range(count):
        photograph = photographs[number % len(photographs)]
        top, left = (generator.integers(whole - part + 1) for whole, part in zip(photograph.shape, size, strict=False))
        image = photograph[top : top + size[0], left : left + size[1]]
        images.append(image if channels == 3 else image.mean(2, keepdims=True).astype(np.uint8))
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()


def loss_curve(experiment: dict, precision: str, seed: int, images: torch.Tensor, epochs: int) -> dict:
    """Train a model.

    Args:
        experiment: a checked configuration.
        precision: the precision of the loss, see `training.train.losses_of_images`.
        seed: the seed of the run.
        images: (N, C, H, W) uint8 to train on.
        epochs: number of epochs.

    Returns:
        The seed, the mean loss of each epoch in nats per image, and the seconds of training.
    """
    model = generative.build(experiment["model"], list(images.shape[1:]), seed).to(images.device)
    with TemporaryDirectory() as folder:
        result = train(
            model,
            losses_of_images(model, images, precision=precision),
            torch.arange(len(images), device=images.device),
            epochs=epochs,
            batch_size=experiment["training"]["batch_size"],
            learning_rate=experiment["training"]["learning_rate"],
            seed=seed,
            checkpoint=Checkpoint(Path(folder) / "resume", ""),
        )
    return {"seed": seed, "losses": result.losses, "seconds": round(result.seconds, 1)}


def distance(curve: dict, reference: dict) -> float:
    """The largest difference of two curves in any epoch, relative to the second curve."""
    values, truth = (np.asarray(each["losses"]) for each in (curve, reference))
    return float(f"{np.abs(values / truth - 1).max():.2g}")


def compare(name: str, precisions: list[str], device: torch.device, count: int, epochs: int) -> dict:
    """Train the model of an experiment in each precision and with each seed.

    Args:
        name: the name of the experiment.
        precisions: 'float32' first.
        device: the device that computes.
        count: number of images.
        epochs: the epochs of each training.

    Returns:
        The curves by precision, and their largest distances from float32's.
    """
    experiment = load_experiment(name)
    images = crops(count, describe_dataset(experiment["dataset"])["image_shape"]).to(device)
    curves = {
        precision: [loss_curve(experiment, precision, seed, images, epochs) for seed in SEEDS]
        for precision in precisions
    }
    exact = curves["float32"]
    return {
        "curves": curves,
        "largest_relative_distance": {
            "float32, between seeds": distance(exact[1], exact[0]),
            **{precision: max(map(distance, curves[precision], exact)) for precision in precisions[1:]},
        },
    }


def draw(measured: dict[str, dict], path: Path) -> None:
    """Draw the curves into an SVG file: a panel per model, a colour per precision, a line style per seed."""
    plotting.use_style()
    figure, axes = plt.subplots(1, len(measured), figsize=(3.5 * len(measured), 2.8), squeeze=False)
    for axis, (name, each) in zip(axes[0], measured.items(), strict=True):
        colors = plotting.colors(list(each["curves"]))
        for precision, runs in each["curves"].items():
            for run, line in zip(runs, ("-", "--"), strict=True):
                label = f"{precision}, seed {run['seed']}"
                axis.plot(range(1, len(run["losses"]) + 1), run["losses"], line, color=colors[precision], label=label)
        axis.set(title=f"model of {name}", xlabel="epoch", ylabel="−ELBO (nats per image)", yscale="log")
    axes[0, -1].legend(frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg")


def main() -> None:
    """Print the curves and their distances as JSON, and draw them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=1280)
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    device = prepare_device("auto")
    on_gpu = device.type == "cuda"
    precisions = ["float32", "bfloat16", *(["tf32"] if on_gpu else [])]  # tf32 last: it stays switched on
    measured = {}
    for name in ("mnist", "celeba") if on_gpu else ("mnist",):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        measured[name] = compare(name, precisions, device, arguments.images, arguments.epochs)
    print(json.dumps({**measured, "device": describe_device(device)}, indent=2))
    draw(measured, Path(load_settings({})["results"]) / "benchmark_precision.svg")


if __name__ == "__main__":
    main()
