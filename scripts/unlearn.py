"""Run one unlearning method on the original model of one seed."""

from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import nn

from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet, retained_images
from unlearning.io.files import atomic_path, sha256_of, write_csv, write_json
from unlearning.io.tensors import read_tensors
from unlearning.networks import generative
from unlearning.networks.classifier import Ensemble
from unlearning.networks.probes import Probes
from unlearning.networks.running_statistics import estimated_from, retain_batches
from unlearning.plugins.load import load_plugin
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import describe_device, explain_out_of_memory, peak_memory_mib, prepare_device
from unlearning.runtime.job import run
from unlearning.runtime.provenance import run_record
from unlearning.training.monitoring import MEASUREMENT_COLUMNS, STEP_COLUMNS, drift
from unlearning.training.settings import UnlearningInputs, UnlearningSettings
from unlearning.training.unlearn import UnlearningResult, unlearn


def main(
    *,
    experiment: str,
    method: str,
    seed: int,
    settings: dict,
    device: str,
    code: str,
    original: Path,
    model: Path,
    steps: Path,
    measurements: Path,
    transformation: Path,
    record: Path,
    **inputs: Path | None,
) -> None:
    """Unlearn the forget set.

    Args:
        experiment: name of the experiment.
        method: name of the row; the settings name the file in `unlearning/methods`.
        seed: the seed of the run, and of the original model that the run starts from.
        settings: see `unlearning.training.settings.UnlearningSettings`.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs, the method's file included.
        original: the trained model.
        model: Safetensors file to write: the weights after the last step, which are not finite if the run diverged.
        steps: CSV file to write: one row per step.
        measurements: CSV file to write: one row per measurement of the forget fraction and network of the judge.
        transformation: npz file to write: what the run's probes show after some of its steps, see `_write_shown`.
        record: JSON file to write: status, cost and provenance.
        inputs: other files to read, see `load_inputs`.
    """
    target = prepare_device(device)
    files = {name: path for name, path in {"original": original, **inputs}.items() if path}
    provenance = run_record(settings=settings, code=code, inputs=files)
    key = sha256_of([method, seed, settings, code, target.type, provenance["inputs_sha256"]])
    checkpoint = Checkpoint(model.with_suffix(".resume"), key)
    algorithm = load_plugin("methods", settings["algorithm"])
    with explain_out_of_memory("unlearning.batch_size", settings["batch_size"]):
        network, configuration, image_shape = generative.load(original, target)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        loaded = load_inputs(network, settings, target, seed, **inputs)
        result = unlearn(network, algorithm, loaded, UnlearningSettings(**settings), seed, checkpoint)
    generative.save(network, configuration, image_shape, model)
    _write_rows(steps, STEP_COLUMNS, result.steps)
    _write_rows(measurements, MEASUREMENT_COLUMNS, result.measurements)
    _write_shown(transformation, result.shown, loaded.probes)
    write_json(
        record,
        {
            "experiment": experiment,
            "method": method,
            "seed": seed,
            **_summary(result, algorithm, target),
            **(drift(before, network, algorithm, result.status) if generative.completes(network) else {}),
            **provenance,
        },
    )
    checkpoint.remove()


def load_inputs(
    network: nn.Module,
    settings: dict,
    device: torch.device,
    seed: int,
    *,
    dataset: Path,
    forget_set: Path,
    judge: Path,
    guide: Path | None,
    moments: Path | None,
    proxy: Path | None,
) -> UnlearningInputs:
    """Read what the run needs beside the original model.

    Args:
        network: the original model.
        settings: see `unlearning.training.settings.UnlearningSettings`.
        device: where the run computes.
        seed: the seed of the run.
        dataset: the prepared data set.
        forget_set: the images to forget and to retain.
        judge: the networks that count the forgotten classes among samples.
        guide: the second classifier; None where the experiment has none.
        moments: Adam's state at the end of the original's training; None if the run does not start from it.
        proxy: another data set, whose images replace the retain set; None if none does.

    Returns:
        Images and networks on the device.
    """
    data, groups = Dataset.load(dataset), ForgetSet.load(forget_set)
    retain, retain_labels = retained_images(settings["retain_images"], data, groups, proxy)
    retain, forget, heldout_forget = (
        torch.from_numpy(images).to(device)
        for images in (retain, data.images[groups.forget], data.images[groups.heldout_forget])
    )
    labels = {"retain_labels": retain_labels, "forget_labels": data.labels[groups.forget]}
    images, judge = torch.from_numpy(data.images), Ensemble.load(judge, device)
    statistics = retain_batches(network, images, groups.retain, settings["running_statistics"])
    with estimated_from(network, statistics):
        probes = Probes.of_model(network, judge, images, groups.groups(), groups.forgotten_classes, seed)
    return UnlearningInputs(
        retain=retain,
        forget=forget,
        heldout_forget=heldout_forget,
        forgotten_classes=groups.forgotten_classes,
        judge=judge,
        guide=Ensemble.load(guide, device).networks[0] if guide else None,
        moments=_read_moments(moments, device) if moments else None,
        statistics=statistics,
        probes=probes,
        **{name: torch.from_numpy(numbers).to(device) for name, numbers in labels.items()},
    )


def _summary(result: UnlearningResult, algorithm: ModuleType, device: torch.device) -> dict:
    return {
        "status": result.status,
        "last_step": result.steps[-1]["step"],
        "counted_after_update": getattr(algorithm, "COUNTED_AFTER_UPDATE", False),
        "preparation_seconds": result.preparation_seconds,
        "seconds": result.preparation_seconds + sum(row["seconds"] for row in result.steps),
        "peak_memory_mib": peak_memory_mib(device),
        "step_memory_mib": result.step_memory_mib,
        **describe_device(device),
    }


def _write_shown(path: Path, shown: list[dict], probes: Probes) -> None:
    """Write `steps` (S,), `images` (S, n, C, H, W) uint8 of the n probes, and `forgotten` (n,), see `Probes`."""
    images = torch.stack([look["images"] for look in shown]).numpy()
    steps = [look["step"] for look in shown]
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, steps=steps, images=images, forgotten=probes.forgotten.cpu().numpy())


def _write_rows(path: Path, columns: tuple[str, ...], rows: list[dict]) -> None:
    write_csv(path, columns, [[row[column] for column in columns] for row in rows])


def _read_moments(path: Path, device: torch.device) -> dict[str, torch.Tensor]:
    return {name: torch.as_tensor(array, device=device) for name, array in read_tensors(path)[0].items()}


if "snakemake" in globals():
    run(main, snakemake)
