"""Gather what every run is compared with: features of the retain data and of the retrained models."""

from pathlib import Path

import torch

from unlearning import models
from unlearning.datasets import Dataset
from unlearning.device import prepare_device
from unlearning.evaluation import sample_set
from unlearning.files import sha256_of_file
from unlearning.forget_set import ForgetSet
from unlearning.job import run
from unlearning.judge import Judge, look_at
from unlearning.seeding import stream
from unlearning.tensors import write_tensors


def main(
    *,
    experiment: str,
    seeds: list[int],
    samples: int,
    device: str,
    code: str,
    dataset: Path,
    forget_set: Path,
    judge: Path,
    retrained: list[Path],
    reference: Path,
) -> None:
    """Extract the judge's features once for all evaluations.

    Args:
        experiment: name of the experiment.
        seeds: of the retrained models, in the order of `retrained`.
        samples: how many to draw from each retrained model.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs.
        dataset: prepared data set.
        forget_set: says which training images are retained.
        judge: classifier whose features are used.
        retrained: models trained from scratch without the forget set.
        reference: safetensors file with `retain.features` (N, F) and, for each seed,
            `{seed}.features` (samples, F) and `{seed}.classes` (samples,).
    """
    target = prepare_device(device)
    classifier = Judge.load(judge, target)
    images = torch.from_numpy(Dataset.load(dataset).images)
    features, _ = look_at(classifier, images[ForgetSet.load(forget_set).retain].to(target))
    tensors = {"retain.features": features}
    for seed, path in zip(seeds, retrained, strict=True):
        network, *_ = models.load(path, target)
        # A stream of its own: the retrained model's own evaluation must not see these very samples.
        drawn, _ = sample_set(network.eval(), classifier, samples, stream(seed, "reference samples", target))
        tensors[f"{seed}.features"] = drawn.features
        tensors[f"{seed}.classes"] = drawn.classes
    write_tensors(reference, tensors, {"judge_sha256": sha256_of_file(judge)})


if "snakemake" in globals():
    run(main, snakemake)
