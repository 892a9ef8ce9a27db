"""Judge one run, a method's or a reference's, of one seed."""

from pathlib import Path

import numpy as np
import torch

from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet
from unlearning.evaluation.collect import evaluate_completions, evaluate_samples, group_losses
from unlearning.evaluation.description import describe_metrics
from unlearning.evaluation.evidence import Evidence, Value
from unlearning.io.files import atomic_path, read_columns, read_json, sha256_of, sha256_of_file, write_json
from unlearning.io.hub import weights_file
from unlearning.io.tensors import read_tensors
from unlearning.networks import generative
from unlearning.networks.classifier import Classifier
from unlearning.networks.clip import Clip
from unlearning.networks.inception import Inception
from unlearning.plugins.load import load_plugin
from unlearning.runtime.device import explain_out_of_memory, prepare_device
from unlearning.runtime.job import run
from unlearning.runtime.provenance import run_record
from unlearning.runtime.seeding import stream

# Of the run's record, for the manifest.
REPEATED = ("config_sha256", "code", "device", "gpu", "gpu_uuid", "threads", "peak_memory_mib", "environment")


def main(
    *,
    experiment: str,
    method: str,
    seed: int,
    settings: dict,
    expected_settings: dict,
    other_seed: int | None,
    attribute: str | None,
    device: str,
    code: str,
    dataset: Path,
    forget_set: Path,
    judge: Path,
    guide: Path | None,
    weights: Path | None,
    reference: Path,
    model: Path,
    record: Path,
    steps: Path | None,
    measurements: Path | None,
    metrics: Path,
    samples: Path,
) -> None:
    """Compute the configured metrics.

    Args:
        experiment: name of the experiment.
        method: name of the method or reference.
        seed: of the run.
        settings: the key `evaluation` of the experiment's configuration.
        expected_settings: settings that the run must have had; a job that ended while no Snakemake watched may
            have had those of before.
        other_seed: seed of the retrained model to compare with, another than the run's own so that
            `retrain` itself gets a fair value; None where there is no other.
        attribute: that is forgotten, whose two sides are the classes; None for the data set's classes.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs, the metrics' files included.
        dataset: prepared data set.
        forget_set: groups of real images.
        judge: classifier.
        guide: second classifier, for the as-published protocol; None where there is none.
        weights: says that Inception's weights lie in the folder beside it; None where the judge's features are used.
        reference: features of the retain data, features and losses of the retrained models.
        model: the run's weights.
        record: what the run wrote down about itself.
        steps: CSV file of the run's steps; None for a reference.
        measurements: CSV file of its measurements; None for a reference.
        metrics: JSON file of the values.
        samples: npz file with the `latents` (N, D) of all samples, the judge's `classes` (N,), and the first
            `STORED_IMAGES` as `images` (n, C, H, W) uint8; of a model that completes images, for each group
            `STORED_IMAGES` of each array of `metrics.CompletionSet`, evenly spread, as `{group}.{array}`.
    """
    target = prepare_device(device)
    inputs = {"model": model, "reference": reference, "judge": judge, "guide": guide, "weights": weights}
    inputs |= {"steps": steps, "measurements": measurements}
    inputs = {name: path for name, path in inputs.items() if path}
    provenance = run_record(settings=settings, code=code, inputs=inputs)
    with explain_out_of_memory():
        data = Dataset.load(dataset).labelled(attribute)
        groups, classifier = ForgetSet.load(forget_set), Classifier.load(judge, target)
        ran = read_json(record)
        if ran["config_sha256"] != sha256_of(expected_settings):
            raise ValueError(f"{record}: made with other settings than the configuration's; delete it and run again")
        diverged = ran["status"] == "diverged"
        compared, header = read_tensors(reference)
        for name, path in (("judge", judge), ("guide", guide), ("Inception", weights)):
            if path and header["classifiers"].get(name) != sha256_of_file(path):
                raise ValueError(f"{reference}: holds features of another {name} than {path}; delete it and run again")
        network, *_ = generative.load(model, target)
        network.eval()
        pixels = torch.from_numpy(data.images).to(target)
        inception = Inception(weights.parent / "checkpoints", target) if weights and not diverged else None
        seen, losses = {}, {}
        stored = {"images": np.zeros((0, *data.images.shape[1:]), np.uint8), "classes": np.zeros(0, int)}
        if diverged:
            pass
        elif generative.completes(network):
            embedding = settings.get("embedding")
            clip = Clip(weights_file(embedding, "evaluation.embedding"), target) if embedding else None
            seen, stored = evaluate_completions(
                network,
                classifier,
                pixels,
                data.labels,
                groups.groups(),
                settings["samples"],
                compared,
                other_seed,
                inception,
                clip,
            )
        else:
            seen, stored = evaluate_samples(
                network,
                classifier,
                Classifier.load(guide, target) if guide else None,
                network.latents(settings["samples"], stream(seed, "evaluation samples", target)),
                compared,
                other_seed,
                inception,
                samples.with_name("inception.safetensors"),
                unlearned=steps is not None,
            )
        if not diverged and "elbo_draws" in settings:
            losses = group_losses(network, pixels, groups.groups(), settings["elbo_draws"], seed)
    with_losses = compared.keys() & {f"{other_seed}.losses.forget"}
    others = [other for other in header["seeds"] if other != seed] if with_losses else []
    unseen = [group for group in groups.groups() if group != "retain"]
    evidence = Evidence(
        **seen,
        retain_features=compared["retain.features"],
        published_reference=(compared["published.mean"], compared["published.covariance"]) if guide else None,
        data=data,
        groups=groups.groups(),
        losses=losses,
        retrained_losses={
            group: np.stack([compared[f"{other}.losses.{group}"] for other in others]) for group in unseen if others
        },
        record=ran,
        classes=classifier.output.out_features,
        forgotten_classes=groups.forgotten_classes,
        threshold=settings.get("threshold"),
        steps=read_columns(steps),
        measurements=read_columns(measurements),
    )
    values = {}
    for name in settings["metrics"]:
        metric = load_plugin("metrics", name)
        computed = metric.compute(evidence) if evidence.has(metric.NEEDS) else {}
        values |= {key: computed.get(key, Value(None)) for key in describe_metrics(name)}

    with atomic_path(samples) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **stored)
    write_json(
        metrics,
        {
            "experiment": experiment,
            "method": method,
            "seed": seed,
            "status": ran["status"],
            "last_step": ran.get("last_step"),
            "metrics": {name: value.as_json() for name, value in values.items()},
            "class_counts": (
                np.bincount(stored["classes"], minlength=evidence.classes).tolist() if evidence.samples else None
            ),
            "run": {key: ran[key] for key in REPEATED},
            "evaluation": provenance,
            "samples_sha256": sha256_of_file(samples),
        },
    )


if "snakemake" in globals():
    run(main, snakemake)
