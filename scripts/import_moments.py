"""Take Adam's moments from the file of an optimiser that was saved with the original model's weights."""

from pathlib import Path

from unlearning.io import given_files
from unlearning.io.tensors import write_tensors
from unlearning.networks import generative
from unlearning.networks.given_moments import load_moments, ordered_parameters
from unlearning.runtime.job import run


def main(
    *,
    seed: int,
    architecture: dict,
    image_shape: list[int],
    entry: dict,
    moments_entry: dict,
    weights: Path,
    moments: Path,
    optimizer: Path,
) -> None:
    """Write the moments that unlearning with `adam_warm` starts from, as `train` would.

    Args:
        seed: the seed of the run.
        architecture: the key `model` of the experiment's configuration.
        image_shape: (C, H, W).
        entry: the key `original.weights` of the configuration for this seed, see `given_files.one_of`.
        moments_entry: the key `original.moments` for this seed.
        weights: the file of weights, or the record of a fetched one.
        moments: the file of the optimiser's state dict, or the record of a fetched one.
        optimizer: Safetensors file to write: the moments by parameter.
    """
    network = generative.build(architecture, image_shape, seed)
    names = ordered_parameters(network, given_files.file_of(entry, weights), entry, "original.weights")
    path = given_files.file_of(moments_entry, moments)
    write_tensors(optimizer, load_moments(network, names, path, moments_entry, "original.moments"))


if "snakemake" in globals():
    run(main, snakemake)
