"""Run one unlearning method on the original model of one seed."""

from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet, of_classes
from unlearning.io.files import sha256_of, write_csv, write_json
from unlearning.io.tensors import read_tensors
from unlearning.networks import generative
from unlearning.networks.classifier import Classifier
from unlearning.plugins.load import load_plugin
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.device import describe_device, explain_out_of_memory, peak_memory_mib, prepare_device
from unlearning.runtime.job import run
from unlearning.runtime.provenance import run_record
from unlearning.training.monitoring import STEP_COLUMNS
from unlearning.training.unlearn import unlearn


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
    guide: Path | None,
    original: Path,
    moments: Path | None,
    proxy: Path | None,
    model: Path,
    steps: Path,
    measurements: Path,
    record: Path,
) -> None:
    """Unlearn the forget set.

    Args:
        experiment: name of the experiment.
        method: name of the row; the settings name the file in `unlearning/methods`.
        seed: of the run, and of the original that it starts from.
        settings: see `unlearning.config.experiment.method_settings`.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs, the method's file included.
        dataset: prepared data set.
        forget_set: images to forget and to retain.
        judge: classifier that counts the forgotten classes among samples.
        guide: second classifier; None where the experiment has none.
        original: the trained model.
        moments: Adam's state at the end of its training; None where the run does not start from it.
        proxy: another data set, whose images stand for the retain set; None where none does.
        model: safetensors file of the weights after the last step; not finite if the run diverged.
        steps: CSV file with one row per step.
        measurements: CSV file with one row per measurement of the forget fraction.
        record: JSON file of status, cost and provenance.
    """
    target = prepare_device(device)
    inputs = {
        "dataset": dataset,
        "forget_set": forget_set,
        "judge": judge,
        "guide": guide,
        "original": original,
        "moments": moments,
        "proxy": proxy,
    }
    inputs = {name: path for name, path in inputs.items() if path}
    provenance = run_record(settings=settings, code=code, inputs=inputs)
    chosen = ForgetSet.load(forget_set)
    data = Dataset.load(dataset)
    checkpoint = Checkpoint(
        model.with_suffix(".resume"),
        sha256_of([method, seed, settings, code, target.type, provenance["inputs_sha256"]]),
    )
    rule = load_plugin("methods", settings["algorithm"])
    with explain_out_of_memory("unlearning.batch_size", settings["batch_size"]):
        forget, heldout_forget = (
            torch.from_numpy(data.images[part]).to(target) for part in (chosen.forget, chosen.heldout_forget)
        )
        network, configuration, image_shape = generative.load(original, target)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        done = unlearn(
            network,
            rule,
            torch.from_numpy(retained_images(settings["retain_images"], data, chosen, proxy)).to(target),
            forget,
            judge=Classifier.load(judge, target),
            guide=Classifier.load(guide, target) if guide else None,
            forgotten_classes=chosen.forgotten_classes,
            settings=settings,
            moments=as_tensors(moments, target) if moments else None,
            heldout_forget=heldout_forget,
            seed=seed,
            checkpoint=checkpoint,
        )

    generative.save(network, configuration, image_shape, model)
    columns = ("step", *STEP_COLUMNS, "seconds", "finetune_step_seconds")
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
            "counted_after_update": getattr(rule, "COUNTED_AFTER_UPDATE", False),
            "preparation_seconds": done.preparation_seconds,
            "seconds": done.preparation_seconds + sum(row["seconds"] for row in done.steps),
            "peak_memory_mib": peak_memory_mib(target),
            **(drift(before, network, rule, done.status) if generative.completes(network) else {}),
            **describe_device(target),
            **provenance,
        },
    )
    checkpoint.remove()


def retained_images(wanted: str | dict, data: Dataset, chosen: ForgetSet, proxy: Path | None) -> np.ndarray:
    """The images (N, C, H, W) of the retain set, or of the proxy that stands for it.

    Raises:
        ValueError: all images of the proxy's classes are in the retain set.
    """
    if wanted == "retain":
        return data.images[chosen.retain]
    if "classes" in wanted:
        of_proxy = of_classes(wanted["classes"], data.labels, data.train, data.classes)
        kept = np.intersect1d(of_proxy, chosen.others)  # images of the retain set would not stand for it
        if not len(kept):
            raise ValueError(
                f"all images of the proxy's classes {wanted['classes']} are in the retain set; name others, or lower "
                "forget_set.retain_fraction"
            )
        return data.images[kept]
    other = Dataset.load(proxy)
    return other.images[other.train]


def drift(
    before: dict[str, torch.Tensor], network: torch.nn.Module, method: ModuleType, status: str
) -> dict[str, float]:
    """How far encoder and decoder moved, as the length of the change relative to their length.

    Nothing of a diverged run: the change of weights that are not finite has no length.

    Raises:
        RuntimeError: a method that trains only the encoder has changed anything else, in whatever run.
    """
    after, of_encoder, moved = network.state_dict(), network.encoder_parameters(), {}
    of_decoder = before.keys() - of_encoder
    changed = sorted(name for name in of_decoder if not torch.equal(after[name], before[name]))
    if changed and getattr(method, "ENCODER_ONLY", False):
        raise RuntimeError(f"{method.__name__} says ENCODER_ONLY, but has changed {', '.join(changed)}")
    if status == "diverged":
        return {}
    for part, names in (("encoder", of_encoder), ("decoder", of_decoder)):
        changes = torch.cat([(after[name] - before[name]).double().flatten() for name in sorted(names)])
        lengths = torch.cat([before[name].double().flatten() for name in sorted(names)])
        moved[f"{part}_drift"] = (changes.norm() / lengths.norm()).item()
    return moved


def as_tensors(path: Path, device: torch.device) -> dict[str, torch.Tensor]:
    """The arrays of a safetensors file, by name."""
    return {name: torch.from_numpy(array).to(device) for name, array in read_tensors(path)[0].items()}


if "snakemake" in globals():
    run(main, snakemake)
