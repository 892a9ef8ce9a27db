"""Gather what every run is compared with: features of the retain data and of the retrained models."""

from pathlib import Path

import torch

from unlearning import models
from unlearning.classifier import Classifier, look_at
from unlearning.datasets import Dataset
from unlearning.device import prepare_device
from unlearning.evaluation import completed_group, sample_set, spread_out
from unlearning.files import sha256_of_file
from unlearning.forget_set import ForgetSet
from unlearning.job import run
from unlearning.seeding import stream
from unlearning.statistics import moments
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
    guide: Path | None,
    retrained: list[Path],
    reference: Path,
) -> None:
    """Extract the judge's features once for all evaluations.

    Args:
        experiment: name of the experiment.
        seeds: of the retrained models, in the order of `retrained`.
        samples: how many to draw from each retrained model, or at most to complete of each group of images.
        device: 'cpu', 'cuda' or 'auto'.
        code: hash of the code that runs.
        dataset: prepared data set.
        forget_set: says which training images are retained.
        judge: classifier whose features are used.
        guide: second classifier, whose features the as-published Fréchet distance uses; None where there is none.
        retrained: models trained from scratch without the forget set.
        reference: safetensors file with `retain.features` (N, F) and, for each seed,
            `{seed}.features` (samples, F) and `{seed}.classes` (samples,), or for models that complete
            images `{seed}.{group}` (n, C, H, W) uint8, the completions; with a guide also
            `guide.mean` (G,) and `guide.covariance` (G, G) of its features of all training images.
    """
    target = prepare_device(device)
    classifier = Classifier.load(judge, target)
    data = Dataset.load(dataset)
    images, groups = torch.from_numpy(data.images), ForgetSet.load(forget_set)
    features, _ = look_at(classifier, images[groups.retain].to(target))
    tensors = {"retain.features": features}
    for seed, path in zip(seeds, retrained, strict=True):
        network, *_ = models.load(path, target)
        network.eval()
        if models.completes(network):
            for group, indices in groups.groups().items():
                chosen = images[spread_out(indices, samples)].to(target)
                tensors[f"{seed}.{group}"], _ = completed_group(network, chosen, group)
            continue
        # A stream of its own: the retrained model's own evaluation must not see these very samples.
        latents = network.latents(samples, stream(seed, "reference samples", target))
        drawn, _ = sample_set(network, classifier, latents)
        tensors[f"{seed}.features"] = drawn.features
        tensors[f"{seed}.classes"] = drawn.classes
    classifiers = {"judge": sha256_of_file(judge)}
    if guide:
        features, _ = look_at(Classifier.load(guide, target), images[torch.from_numpy(data.train)].to(target))
        tensors["guide.mean"], tensors["guide.covariance"] = moments(features.cpu().numpy())
        classifiers["guide"] = sha256_of_file(guide)
    write_tensors(reference, tensors, {"classifiers": classifiers})


if "snakemake" in globals():
    run(main, snakemake)
