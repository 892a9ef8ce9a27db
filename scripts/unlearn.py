"""Run one unlearning method on the original model of one seed."""

from functools import partial
from pathlib import Path

import torch

from unlearning import models, plugins
from unlearning.checkpoint import Checkpoint
from unlearning.datasets import Dataset
from unlearning.device import describe_device, peak_memory_mib, prepare_device
from unlearning.files import sha256_of, write_csv, write_json
from unlearning.forget_set import ForgetSet
from unlearning.job import run
from unlearning.judge import Judge
from unlearning.provenance import run_record
from unlearning.unlearning_run import STEP_COLUMNS, unlearn


def main(
    *,
    experiment: str,
    method: str,
    seed: int,
    settings: dict,
    device: str,
    code: str,
    dataset: Path,
    forget_set: Path,
    judge: Path,
    original: Path,
    model: Path,
    steps: Path,
    measurements: Path,
    record: Path,
) -> None:
    """Unlearn the forget set.

    Args:
        experiment: name of the experiment.
        method: name of the method, a file in `unlearning/methods`.
        seed: of the run, and of the original that it starts from.
        settings: see `unlearning.config.method_settings`.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs, the method's file included.
        dataset: prepared data set.
        forget_set: images to forget and to retain.
        judge: classifier that counts the forgotten classes among samples.
        original: the trained model.
        model: safetensors file of the weights after the last step; not finite if the run diverged.
        steps: CSV file with one row per step.
        measurements: CSV file with one row per measurement of the forget fraction.
        record: JSON file of status, cost and provenance.
    """
    target = prepare_device(device)
    inputs = {"dataset": dataset, "forget_set": forget_set, "judge": judge, "original": original}
    provenance = run_record(settings=settings, code=code, inputs=inputs)
    chosen = ForgetSet.load(forget_set)
    images = torch.from_numpy(Dataset.load(dataset).images).to(target)
    network, configuration, image_shape = models.load(original, target)
    checkpoint = Checkpoint(
        model.with_suffix(".resume"), sha256_of([method, seed, settings, code, provenance["inputs_sha256"]])
    )
    done = unlearn(
        network,
        partial(plugins.load("methods", method).direction, **settings["parameters"]),
        images[chosen.retain],
        images[chosen.forget],
        judge=Judge.load(judge, target),
        forgotten_classes=chosen.forgotten_classes,
        settings=settings,
        seed=seed,
        checkpoint=checkpoint,
    )

    models.save(network, configuration, image_shape, model)
    columns = ("step", *STEP_COLUMNS, "seconds", "pace_seconds")
    write_csv(steps, columns, ([row[column] for column in columns] for row in done.steps))
    columns = ("step", "forgotten", "samples")
    write_csv(measurements, columns, ([row[column] for column in columns] for row in done.measurements))
    write_json(
        record,
        {
            "experiment": experiment,
            "method": method,
            "seed": seed,
            "status": done.status,
            "last_step": done.steps[-1]["step"],
            "seconds": sum(row["seconds"] for row in done.steps),
            "peak_memory_mib": peak_memory_mib(target),
            **describe_device(target),
            **provenance,
        },
    )
    checkpoint.remove()


if "snakemake" in globals():
    run(main, snakemake)
