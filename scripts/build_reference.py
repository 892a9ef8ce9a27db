"""Gather what every run is compared with: features of the retain data and of the retrained models."""

from pathlib import Path

import numpy as np
import torch

from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet, spread_out
from unlearning.evaluation.collect import completed_group, features_of, group_losses, sample_set
from unlearning.evaluation.statistics import moments
from unlearning.io.files import sha256_of_file
from unlearning.io.tensors import write_tensors
from unlearning.networks import generative
from unlearning.networks.classifier import Classifier
from unlearning.networks.inception import Inception
from unlearning.runtime.device import explain_out_of_memory, prepare_device
from unlearning.runtime.job import run
from unlearning.runtime.seeding import stream


def main(
    *,
    seeds: list[int],
    samples: int,
    elbo_draws: int | None,
    device: str,
    dataset: Path,
    forget_set: Path,
    judge: Path,
    guide: Path | None,
    weights: Path | None,
    retrained: list[Path],
    reference: Path,
) -> None:
    """Extract features and measure losses once for all evaluations.

    Inception's features stay in the folder `inception` beside the reference, a file for each set of images: a job that
    is interrupted, or has one more seed or another judge, takes only those that are missing.

    Args:
        seeds: of the retrained models, in the order of `retrained`.
        samples: how many to draw from each retrained model, or at most to complete of each group of images.
        elbo_draws: of noise, for the losses of the retrained models; None where losses are not asked for.
        device: 'cpu', 'cuda' or 'auto'.
        dataset: prepared data set.
        forget_set: says which training images are retained.
        judge: classifier whose features are used where Inception's are not.
        guide: second classifier, whose features the as-published Fréchet distance uses where Inception's are not;
            None where there is none.
        weights: says that Inception's weights lie in the folder beside it; None where the judge's features are used.
        retrained: models trained from scratch without the forget set.
        reference: safetensors file with `retain.features` (N, F) and, for each seed,
            `{seed}.features` (samples, F), `{seed}.classes` (samples,) and `{seed}.losses.{group}` (n,) of each
            group of images that the retrained model never saw, or for models that complete images
            `{seed}.{group}` (n, C, H, W) uint8, the completions of each group, whose images have
            `{group}.true_features` (n, F); with a guide also `published.mean` (G,) and `published.covariance`
            (G, G) of all training images' features, Inception's or the guide's.
    """
    target, caches = prepare_device(device), reference.with_name("inception")
    with explain_out_of_memory():
        classifier = Classifier.load(judge, target)
        data = Dataset.load(dataset)
        images = torch.from_numpy(data.images).to(target)
        inception = Inception(weights.parent / "checkpoints", target) if weights else None
        groups = ForgetSet.load(forget_set).groups()
        unseen = {group: indices for group, indices in groups.items() if group != "retain"}
        tensors, classifiers, retain = {}, {"judge": sha256_of_file(judge)}, groups["retain"]
        if guide:
            trained = np.flatnonzero(data.train)
            features = features_of(
                images[trained], Classifier.load(guide, target), inception, caches / "training.safetensors"
            )
            tensors["published.mean"], tensors["published.covariance"] = moments(features.cpu().numpy())
            classifiers["guide"] = sha256_of_file(guide)
        if guide and inception:  # which would take as long again
            tensors["retain.features"] = features[np.searchsorted(trained, retain)]
        else:
            tensors["retain.features"] = features_of(
                images[retain], classifier, inception, caches / "retain.safetensors"
            )
        for seed, path in zip(seeds, retrained, strict=True):
            network, *_ = generative.load(path, target)
            network.eval()
            if generative.completes(network):
                for group, indices in groups.items():
                    shown = images[spread_out(indices, samples)]
                    tensors[f"{seed}.{group}"], _ = completed_group(network, shown, group)
                    if seed == seeds[0]:
                        tensors[f"{group}.true_features"] = features_of(
                            shown, classifier, inception, caches / f"shown.{group}.safetensors"
                        )
                continue
            # A stream of its own: the retrained model's own evaluation must not see these very samples.
            latents = network.latents(samples, stream(seed, "reference samples", target))
            drawn, *_ = sample_set(network, classifier, latents, inception, caches / f"seed{seed}.safetensors")
            tensors[f"{seed}.features"] = drawn.features
            tensors[f"{seed}.classes"] = drawn.classes
            if elbo_draws:
                losses = group_losses(network, images, unseen, elbo_draws, seed)
                tensors |= {f"{seed}.losses.{group}": values for group, values in losses.items()}
        if inception:
            classifiers["Inception"] = sha256_of_file(weights)
    write_tensors(reference, tensors, {"classifiers": classifiers, "seeds": seeds})


if "snakemake" in globals():
    run(main, snakemake)
