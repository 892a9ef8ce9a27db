"""Gather what every run is compared with: features of the retained data, and what the retrained models show."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from unlearning.config.experiment import bound_of
from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet, spread_out
from unlearning.evaluation.by_label import evaluate_by_label
from unlearning.evaluation.collect import completed_group
from unlearning.evaluation.evaluators import Evaluators
from unlearning.evaluation.likelihood import enough_draws, group_losses
from unlearning.evaluation.reference import UNSEEN
from unlearning.evaluation.statistics import moments
from unlearning.io.tensors import write_tensors
from unlearning.networks import generative
from unlearning.networks.classifier import Ensemble
from unlearning.networks.probes import Probes
from unlearning.networks.running_statistics import estimated_from, retain_batches
from unlearning.runtime.device import explain_out_of_memory, prepare_device
from unlearning.runtime.job import run
from unlearning.runtime.seeding import stream

PILOT_IMAGES = 1000  # enough to estimate two variances to a few per cent


def main(
    *,
    seeds: list[int],
    seeds_of_originals: list[int],
    samples: int,
    label_samples: int | None,
    elbo: dict,
    running_statistics: str,
    device: str,
    dataset: Path,
    forget_set: Path,
    judge: Path,
    guide: Path | None,
    weights: Path | None,
    retrained: list[Path],
    original: list[Path],
    reference: Path,
) -> None:
    """Extract features and measure losses once for all evaluations.

    Inception's features stay in the folder `inception` beside the reference, for later jobs.

    Args:
        seeds: of the models in `retrained`, in order.
        seeds_of_originals: of the models in `original`.
        samples: number of samples of each retrained model, or of completions of each group of images at most.
        label_samples: number of samples of each label; None for models without labels, or if no metric needs them.
        elbo: the keys of `evaluation` that start with 'elbo_', see `enough_draws`; empty if no metric needs losses.
        running_statistics: 'retain' or 'as_left', see `unlearning.networks.running_statistics`.
        device: 'cpu', 'cuda' or 'auto'.
        dataset: prepared data set.
        forget_set: groups of real images.
        judge: networks that classify.
        guide: second classifier, for the as-published protocol; None if the experiment has none.
        weights: a file beside the folder of Inception's weights; None if the classifiers give the features.
        retrained: models trained without the forget set.
        original: the models before unlearning, without those whose training failed.
        reference: safetensors file of the arrays below. Its header has `seeds`, `draws`, `noise_share`.
    """
    target = prepare_device(device)
    with explain_out_of_memory(), ExitStack() as judged:
        evaluators = Evaluators.load(judge, guide, weights, target, folder=reference.with_name("inception"))
        data, selection = Dataset.load(dataset), ForgetSet.load(forget_set)
        images, groups = torch.from_numpy(data.images).to(target), selection.groups()
        arrays = real_features(evaluators, images, np.flatnonzero(data.train), groups)
        networks, originals = {}, dict(zip(seeds_of_originals, original, strict=True))
        header = {"seeds": seeds, "draws": elbo.get("elbo_draws"), "noise_share": None}
        for seed, path in zip(seeds, retrained, strict=True):
            network = judged.enter_context(loaded(path, images, groups["retain"], running_statistics))
            if before := originals.get(seed):
                arrays |= probes_shown(network, before, evaluators.judge, images, selection, running_statistics, seed)
            if generative.completes(network):
                arrays |= retrained_completions(network, evaluators, images, groups, samples, seed)
                continue
            arrays |= retrained_samples(network, evaluators, samples, label_samples, seed)
            networks[seed] = network
        if elbo and networks:
            losses, draws = retrained_losses(networks, images, data.labels, groups, elbo)
            arrays, header = arrays | losses, header | draws
    write_tensors(reference, arrays, header)


@contextmanager
def loaded(path: Path, images: Tensor, retain: list[int], running_statistics: str) -> Iterator[nn.Module]:
    """A retrained model in eval mode, with the running statistics to judge it with.

    Args:
        path: of the model.
        images: all real images, (N, C, H, W) uint8, on the device to compute on.
        retain: indices of the retain set.
        running_statistics: see `main`.

    Yields:
        The model.
    """
    model, *_ = generative.load(path, images.device)
    with estimated_from(model.eval(), retain_batches(model, images, retain, running_statistics)):
        yield model


def real_features(
    evaluators: Evaluators, images: Tensor, training: np.ndarray, groups: dict[str, list[int]]
) -> dict[str, Tensor | np.ndarray]:
    """Features of real images.

    Args:
        evaluators: networks that give the features.
        images: all real images, (N, C, H, W) uint8.
        training: indices of the training images, sorted.
        groups: indices of the images by group.

    Returns:
        `retain.features` (n, F) and `forget.features` (m, F) of the training images to retain and to forget; with a
        guide also `published.mean` (G,) and `published.covariance` (G, G) of all training images' published features.
    """
    trained = {group: groups[group] for group in ("retain", "forget")}
    if evaluators.guide is None:
        return {f"{group}.features": evaluators.features(images[of], group) for group, of in trained.items()}
    published = evaluators.published_features(images[training], "training")
    mean, covariance = moments(published.cpu().numpy())
    if evaluators.inception is None:
        features = {f"{group}.features": evaluators.features(images[of]) for group, of in trained.items()}
    else:  # the same features, which take long to extract
        features = {f"{group}.features": published[np.searchsorted(training, of)] for group, of in trained.items()}
    return features | {"published.mean": mean, "published.covariance": covariance}


def probes_shown(
    retrained: nn.Module,
    original: Path,
    judge: Ensemble,
    images: Tensor,
    selection: ForgetSet,
    running_statistics: str,
    seed: int,
) -> dict[str, Tensor]:
    """The probes that the unlearning runs of a seed show, as its retrained model shows them.

    Args:
        retrained: the retrained model, with the running statistics to show it with.
        original: the original model.
        judge: networks that classify.
        images: all real images, (N, C, H, W) uint8.
        selection: groups of real images.
        running_statistics: see `main`.
        seed: of both models.

    Returns:
        `{seed}.shown` (n, C, H, W) uint8, see `Probes`.
    """
    model, *_ = generative.load(original, images.device)
    with estimated_from(model, retain_batches(model, images, selection.retain, running_statistics)):
        probes = Probes.of_model(model, judge, images, selection.groups(), selection.forgotten_classes, seed)
    return {f"{seed}.shown": probes.show(retrained)}


def retrained_samples(
    model: nn.Module, evaluators: Evaluators, count: int, count_by_label: int | None, seed: int
) -> dict[str, Tensor | np.ndarray]:
    """Samples of a retrained model, as the evaluators see them.

    Args:
        model: that generates images.
        evaluators: networks that look at the samples.
        count: number of samples.
        count_by_label: number of samples under each label; None for none.
        seed: of the model.

    Returns:
        The arrays of `SampleSet`, as `{seed}.features` and so on, and those of `LabelSamples`, as
        `{seed}.by_label.features` and so on.
    """
    device = next(model.parameters()).device
    # Not the streams of an evaluation: the retrained model's own evaluation must get other samples.
    latents = model.latents(count, stream(seed, "reference samples", device))
    features, classes, class_counts = evaluators.classify(generative.decode(model, latents), f"seed{seed}")
    arrays = {f"{seed}.features": features, f"{seed}.classes": classes, f"{seed}.class_counts": class_counts}
    if count_by_label:
        generator = stream(seed, "reference samples by label", device)
        by_label, _ = evaluate_by_label(model, evaluators, count_by_label, generator)
        arrays |= {f"{seed}.by_label.{name}": array for name, array in vars(by_label).items()}
    return arrays


def retrained_losses(
    models: dict[int, nn.Module], images: Tensor, labels: np.ndarray, groups: dict[str, list[int]], settings: dict
) -> tuple[dict[str, np.ndarray], dict]:
    """Losses of the images that no retrained model was trained on, and how they were measured.

    Args:
        models: retrained models by seed, in eval mode.
        images: all real images, (N, C, H, W) uint8.
        labels: of the real images, (N,).
        groups: image indices by group.
        settings: the keys of `evaluation` that start with 'elbo_', see `enough_draws`.

    Returns:
        `{seed}.losses.{group}` (n,) of each group in `UNSEEN`; the number of `draws` and the `noise_share`.
    """
    pilot = spread_out(groups["heldout_forget"] + groups["heldout_retain"], PILOT_IMAGES)
    labels = torch.from_numpy(labels).to(images.device)
    draws, share = enough_draws(list(models.values()), images[pilot], settings, labels[pilot])
    arrays = {
        f"{seed}.losses.{group}": group_losses(model, images[of], group, draws, bound_of(settings), labels[of])
        for seed, model in models.items()
        for group, of in ((group, groups[group]) for group in UNSEEN)
    }
    return arrays, {"draws": draws, "noise_share": share}


def retrained_completions(
    model: nn.Module, evaluators: Evaluators, images: Tensor, groups: dict[str, list[int]], count: int, seed: int
) -> dict[str, Tensor]:
    """Completions by a retrained model, of at most `count` images of each group.

    Args:
        model: that completes images.
        evaluators: networks that give the features.
        images: all real images, (N, C, H, W) uint8.
        groups: image indices by group.
        count: of images.
        seed: of the model.

    Returns:
        `{seed}.{group}` (n, C, H, W) uint8, and `{group}.true_features` (n, F), the same for every seed.
    """
    arrays = {}
    for group, indices in groups.items():
        selection = images[spread_out(indices, count)]
        arrays[f"{seed}.{group}"], _ = completed_group(model, selection, group)
        arrays[f"{group}.true_features"] = evaluators.features(selection, f"shown.{group}")
    return arrays


if "snakemake" in globals():
    run(main, snakemake)
