"""Take the original model from weights that were trained elsewhere, in place of training it."""

from pathlib import Path

from unlearning.io import given_files
from unlearning.io.files import write_json
from unlearning.networks import generative
from unlearning.networks.given_weights import load_given
from unlearning.runtime.device import describe_device, prepare_device
from unlearning.runtime.job import run
from unlearning.runtime.provenance import run_record


def main(
    *,
    experiment: str,
    method: str,
    seed: int,
    architecture: dict,
    image_shape: list[int],
    entry: dict,
    code: str,
    weights: Path,
    model: Path,
    record: Path,
) -> None:
    """Write the files of an original that later jobs read, as `train` would.

    Args:
        experiment: name of the experiment.
        method: 'original'.
        seed: the seed of the run.
        architecture: the key `model` of the experiment's configuration.
        image_shape: (C, H, W).
        entry: the key `original.weights` of the configuration for this seed, see `given_files.one_of`.
        code: hash of the code that runs.
        weights: the file of weights, or the record of a fetched one.
        model: Safetensors file to write: the weights.
        record: JSON file to write: status and provenance. Time and memory of the training are not known.
    """
    path = given_files.file_of(entry, weights)
    settings = {"model": architecture, "weights": entry, "seed": seed}
    provenance = run_record(settings=settings, code=code, inputs={"weights": path})
    network = generative.build(architecture, image_shape, seed)
    load_given(network, path, entry, "original.weights")
    generative.save(network, architecture, image_shape, model)
    identity = {"experiment": experiment, "method": method, "seed": seed}
    cost = {"status": "finished", "seconds": None, "peak_memory_mib": None}
    write_json(record, {**identity, **cost, **describe_device(prepare_device("cpu")), **provenance})


if "snakemake" in globals():
    run(main, snakemake)
