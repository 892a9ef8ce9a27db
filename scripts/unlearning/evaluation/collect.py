"""Gathering the evidence that metrics are computed from."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from unlearning.data.forget_set import spread_out
from unlearning.evaluation.evidence import CompletionSet, SampleSet
from unlearning.networks.classifier import Classifier, classify
from unlearning.networks.clip import Clip
from unlearning.networks.generative import complete, decode
from unlearning.networks.images import CHUNK, as_float
from unlearning.networks.inception import Inception
from unlearning.runtime.seeding import stream

STORED_IMAGES = 256  # enough to look at; the others follow from model and latents


def features_of(images: Tensor, judge: Classifier, inception: Inception | None, cache: Path | None = None) -> Tensor:
    """Features (N, F) of images (N, C, H, W) uint8: Inception's, kept in the file `cache`, or else the judge's."""
    if inception and cache:
        return inception.cached_features(images, cache)
    return inception.features(images) if inception else classify(judge, images)[0]


def sample_set(
    model: nn.Module, judge: Classifier, latents: Tensor, inception: Inception | None = None, cache: Path | None = None
) -> tuple[SampleSet, np.ndarray, np.ndarray]:
    """Decode latents (N, D) in eval mode and let the judge look, and Inception where it is given.

    Args:
        inception: gives the features instead of the judge.
        cache: file to keep Inception's features in.

    Returns:
        What they see; class probabilities (N, K) by the network that gives the features; the samples
        themselves, (N, C, H, W) uint8.
    """
    samples = decode(model, latents)
    features, classes = classify(judge, samples)
    if inception:
        features = features_of(samples, judge, inception, cache)
    with torch.no_grad():
        probabilities = (inception or judge).output(features).softmax(1)
    found = SampleSet(features.cpu().numpy(), classes.cpu().numpy())
    return found, probabilities.cpu().numpy(), samples.cpu().numpy()


def completed_group(model: nn.Module, images: Tensor, group: str) -> tuple[Tensor, Tensor]:
    """Completions of a group's images (n, C, H, W) uint8, and their hidden pixels (n, 1, H, W) bool.

    Masks and noise are the same for every method, seed and device: they depend on the group's name alone.
    """
    # A GPU's generator draws others: they are drawn on the CPU.
    noise = model.completion_noise(len(images), stream(0, f"completions {group}")).to(images.device)
    return complete(model, images, noise), model.hidden_pixels(noise).bool()


@torch.no_grad()
def completion_set(
    model: nn.Module,
    judge: Classifier,
    images: Tensor,
    labels: np.ndarray,
    group: str,
    true_features: np.ndarray,
    retrained: np.ndarray | None,
    *,
    inception: Inception | None = None,
    clip: Clip | None = None,
) -> CompletionSet:
    """Complete a group's images (n, C, H, W) uint8 and look at them; see `CompletionSet`.

    Args:
        true_features: (n, F) of the images themselves, see `features_of`.
        inception: gives features and probabilities instead of the judge.
        clip: gives embeddings instead of the one that gives the features.
    """
    completed, hidden = completed_group(model, images, group)
    features, classes = classify(judge, completed)
    if inception:
        features = inception.features(completed)
    arrays = {
        "images": images,
        "hidden": hidden,
        "completed": completed,
        "classes": classes,
        "features": features,
        "probabilities": (inception or judge).output(features).softmax(1),
        "embeddings": clip.embeddings(completed) if clip else features,
    }
    found = {name: array.cpu().numpy() for name, array in arrays.items()}
    true_embeddings = clip.embeddings(images).cpu().numpy() if clip else true_features
    return CompletionSet(
        labels=labels, retrained=retrained, true_features=true_features, true_embeddings=true_embeddings, **found
    )


def evaluate_samples(
    model: nn.Module,
    judge: Classifier,
    guide: Classifier | None,
    latents: Tensor,
    reference: dict[str, np.ndarray],
    other_seed: int | None,
    inception: Inception | None,
    cache: Path,
    *,
    unlearned: bool,
) -> tuple[dict, dict[str, np.ndarray]]:
    """What is seen of a model that generates images, from latents (N, D).

    Args:
        reference: arrays of the experiment's reference, see scripts/build_reference.py.
        other_seed: seed of the retrained model to compare with; None where there is no other.
        cache: file to keep Inception's features of the samples in; beside it, those of samples in train mode.
        unlearned: whether a method has run. The UNO paper's code puts such a model in eval mode for its distance,
            but leaves the original in train mode.

    Returns:
        The fields of `Evidence` that rest on samples; arrays to be stored, with the first `STORED_IMAGES` samples.
    """
    samples, probabilities, images = sample_set(model, judge, latents, inception, cache)
    fields = {"samples": samples, "probabilities": probabilities, "images": images}
    if other_seed is not None:
        fields["retrained"] = SampleSet(*(reference[f"{other_seed}.{name}"] for name in ("features", "classes")))
    if guide:
        if unlearned and inception:
            published = samples.features
        else:
            shown = (
                torch.from_numpy(images).to(latents.device) if unlearned else decode(model, latents, train_mode=True)
            )
            own_cache = cache.with_name("inception.published.safetensors")
            published = features_of(shown, guide, inception, own_cache).cpu().numpy()
        fields["published_features"] = published
    return fields, {"images": images[:STORED_IMAGES], "classes": samples.classes, "latents": latents.cpu().numpy()}


def evaluate_completions(
    model: nn.Module,
    judge: Classifier,
    images: Tensor,
    labels: np.ndarray,
    groups: dict[str, list[int]],
    count: int,
    reference: dict[str, np.ndarray],
    other_seed: int | None,
    inception: Inception | None,
    clip: Clip | None,
) -> tuple[dict, dict[str, np.ndarray]]:
    """What is seen of a model that completes images, at most `count` of each group.

    Args:
        images, labels: all real ones, (N, C, H, W) uint8 and (N,).
        reference, other_seed: see `evaluate_samples`.

    Returns:
        The fields of `Evidence` that rest on completions; arrays to be stored, of `STORED_IMAGES` of each group.
    """
    completions = {}
    for group, indices in groups.items():
        chosen = spread_out(indices, count)
        completions[group] = completion_set(
            model,
            judge,
            images[chosen],
            labels[chosen],
            group,
            reference[f"{group}.true_features"],
            reference.get(f"{other_seed}.{group}"),
            inception=inception,
            clip=clip,
        )
    stored = {
        f"{group}.{name}": array[spread_out(range(len(array)), STORED_IMAGES)]
        for group, seen in completions.items()
        for name, array in vars(seen).items()
        if array is not None
    }
    return {"completions": completions}, stored


@torch.no_grad()
def group_losses(
    model: nn.Module, images: Tensor, groups: dict[str, list[int]], draws: int, seed: int
) -> dict[str, np.ndarray]:
    """The loss of each image, averaged over `draws` draws of noise, by group.

    Args:
        model: in eval mode.
        images: (N, C, H, W) uint8.
        groups: image indices by name of the group.
        draws: of the noise; the same ones for every method with this seed.
        seed: of the run.

    Returns:
        (n,) losses for each group, in nats for a VAE.
    """
    losses = {}
    for name, indices in groups.items():
        generator = stream(seed, f"losses {name}", images.device)
        chosen = images[indices]
        total = torch.zeros(len(indices), device=images.device)
        for _ in range(draws):
            noise = model.loss_noise(len(indices), generator)
            parts = zip(chosen.split(CHUNK), noise.split(CHUNK), strict=True)
            total += torch.cat([model.losses(as_float(x), eps) for x, eps in parts]) if len(indices) else 0
        losses[name] = (total / draws).cpu().numpy()
    return losses
