"""Evaluate one run, a method's or a reference's, of one seed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet
from unlearning.evaluation.collect import evaluate_run
from unlearning.evaluation.description import describe_metrics
from unlearning.evaluation.evaluators import Evaluators
from unlearning.evaluation.evidence import Evidence, Value
from unlearning.evaluation.reference import Reference
from unlearning.io.files import atomic_path, read_columns, read_json, sha256_of_file, write_json
from unlearning.networks import generative
from unlearning.plugins.load import load_plugin
from unlearning.runtime.device import explain_out_of_memory, prepare_device
from unlearning.runtime.job import run
from unlearning.runtime.provenance import run_record

IDENTITY = ("experiment", "method", "seed", "status")
# What the manifest needs to know of the run.
ORIGIN = ("config_sha256", "code", "device", "gpu", "gpu_uuid", "threads", "peak_memory_mib", "environment")
HASHED = ("model", "reference", "judge", "guide", "weights", "steps", "measurements", "transformation")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The files that an evaluation reads.

    Attributes:
        dataset: prepared data set.
        forget_set: groups of real images.
        judge: networks that classify.
        guide: second classifier, for the as-published protocol; None if the experiment has none.
        weights: a file beside the folder of Inception's weights; None if the classifiers give the features.
        reference: what every run is compared with, see `scripts/build_reference.py`.
        model: weights of the run.
        record: what the run wrote about itself.
        steps: CSV file of the run's steps; None for a reference.
        measurements: CSV file of the run's measurements; None for a reference.
        transformation: npz file of the run's probes, which figures show; None for a reference.
    """

    dataset: Path
    forget_set: Path
    judge: Path
    guide: Path | None
    weights: Path | None
    reference: Path
    model: Path
    record: Path
    steps: Path | None
    measurements: Path | None
    transformation: Path | None


def main(
    *,
    settings: dict,
    other_seed: int | None,
    attribute: str | None,
    device: str,
    code: str,
    metrics: Path,
    samples: Path,
    **inputs: Path | None,
) -> None:
    """Compute the configured metrics.

    Args:
        settings: the key `evaluation` of the experiment's configuration.
        other_seed: seed of the retrained model to compare with, see `Reference`; None if there is only one seed.
        attribute: to forget; its two sides are the classes. None for the data set's classes.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs, the metrics' files included.
        metrics: JSON file of the values.
        samples: npz file. Of a model that generates: `latents` (N, D) and `classes` (N,) of all samples, and the first
            `STORED_IMAGES` of the `images` (n, C, H, W) uint8. Of a model that completes: `{group}.{array}` of each
            array of `CompletionSet`, of `STORED_IMAGES` images of each group, evenly spread. Also `{metric}.{array}` of
            each array that a metric's file computes for figures.
        inputs: files to read, see `Inputs`.
    """
    files, target = Inputs(**inputs), prepare_device(device)
    hashed = {name: inputs[name] for name in HASHED if inputs[name]}
    provenance = run_record(settings=settings, code=code, inputs=hashed)
    record = read_json(files.record)
    reference = Reference.load(files.reference, other_seed)
    evidence = known_evidence(files, record, reference, attribute, settings)
    stored = {"images": np.zeros((0, *evidence.data.images.shape[1:]), np.uint8), "classes": np.zeros(0, int)}
    if record["status"] != "diverged":
        with explain_out_of_memory():
            network, *_ = generative.load(files.model, target)
            evaluators = Evaluators.load(
                files.judge, files.guide, files.weights, target, settings.get("embedding"), samples.parent
            )
            evidence, stored = evaluate_run(network.eval(), evaluators, evidence, reference, settings, target)
    values, arrays = compute_metrics(settings["metrics"], evidence)

    with atomic_path(samples) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **stored, **arrays)
    hashes = {"evaluation": provenance, "samples_sha256": sha256_of_file(samples)}
    write_json(metrics, describe_result(evidence, values) | hashes)


def known_evidence(
    files: Inputs, record: dict, reference: Reference, attribute: str | None, settings: dict
) -> Evidence:
    """What is known of a run before its model is evaluated; see `main` and `Evidence`."""
    selection = ForgetSet.load(files.forget_set)
    return Evidence(
        data=Dataset.load(files.dataset).labelled(attribute),
        groups=selection.groups(),
        forgotten_classes=selection.forgotten_classes,
        threshold=settings.get("threshold"),
        margin=settings.get("margin"),
        record=record,
        steps=read_columns(files.steps),
        measurements=read_columns(files.measurements),
        **reference.fields(record["seed"]),
    )


def compute_metrics(names: list[str], evidence: Evidence) -> tuple[dict[str, Value], dict[str, np.ndarray]]:
    """The values of all metrics of some files, in the order of their descriptions, and their arrays for figures.

    Args:
        names: of files in `unlearning/metrics`.
        evidence: of the run. The metrics of a file have no value if the evidence lacks what the file needs.

    Returns:
        The value of each metric by its name, and each array by `{file}.{array}`.
    """
    values, arrays = {}, {}
    for name in names:
        metric = load_plugin("metrics", name)
        computed = metric.compute(evidence) if evidence.has(metric.NEEDS) else {}
        values |= {key: computed.get(key, Value(None)) for key in describe_metrics(name)}
        arrays |= {f"{name}.{key}": array for key, array in computed.items() if isinstance(array, np.ndarray)}
    return values, arrays


def describe_result(evidence: Evidence, values: dict[str, Value]) -> dict:
    """The content of `metrics.json`, except for the provenance of the evaluation."""
    record, samples = evidence.record, evidence.samples
    return {
        **{key: record[key] for key in IDENTITY},
        "last_step": record.get("last_step"),
        "metrics": {name: value.as_json() for name, value in values.items()},
        "class_counts": samples and samples.class_counts.tolist(),
        "run": {key: record[key] for key in ORIGIN},
    }


if "snakemake" in globals():
    run(main, snakemake)
