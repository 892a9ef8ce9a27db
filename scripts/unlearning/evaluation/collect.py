"""Collecting the evidence that metrics are computed from. Start with `evaluate_run`."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from unlearning.config.experiment import bound_of, running_statistics
from unlearning.data.forget_set import spread_out
from unlearning.evaluation.by_label import evaluate_by_label
from unlearning.evaluation.by_statistics import evaluate_by_statistics
from unlearning.evaluation.evaluators import Evaluators
from unlearning.evaluation.evidence import CompletionSet, Evidence, SampleSet
from unlearning.evaluation.likelihood import group_losses
from unlearning.evaluation.reference import UNSEEN, Reference
from unlearning.networks.generative import complete, completes, decode
from unlearning.networks.running_statistics import estimated_from, retain_batches
from unlearning.plugins.describe import plugin_constant
from unlearning.runtime.seeding import stream

STORED_IMAGES = 256  # enough for figures; the others can be made again from the model and the latents


def evaluate_run(
    model: nn.Module,
    evaluators: Evaluators,
    evidence: Evidence,
    reference: Reference,
    settings: dict,
    device: torch.device,
) -> tuple[Evidence, dict[str, np.ndarray]]:
    """Evaluate the model of a run that did not diverge.

    The as-published protocol sees the model with the running statistics that the run left. All else follows the key
    `running_statistics`, see `unlearning.networks.running_statistics`.

    Args:
        model: in eval mode.
        evaluators: networks that look at the model's images.
        evidence: what is known of the run without its model.
        reference: of the experiment.
        settings: the key `evaluation` of the experiment's configuration.
        device: of the model.

    Returns:
        The evidence with all that the model shows; arrays to be stored.
    """
    images, seed = torch.from_numpy(evidence.data.images).to(device), evidence.record["seed"]
    labels = evidence.data.labels
    batches = retain_batches(model, images, evidence.groups["retain"], running_statistics(settings))
    with estimated_from(model, batches):
        if completes(model):
            groups = {group: spread_out(indices, settings["samples"]) for group, indices in evidence.groups.items()}
            fields, stored = evaluate_completions(model, evaluators, images, labels, groups, reference)
        else:
            latents = model.latents(settings["samples"], stream(seed, "evaluation samples", device))
            fields, stored = evaluate_samples(model, evaluators, latents)
        if "elbo_draws" in settings:
            fields["losses"] = evaluate_losses(model, images, labels, evidence.groups, settings, reference)
        if "label_samples" in settings:
            generator = stream(seed, "evaluation samples by label", device)
            fields["by_label"], shown = evaluate_by_label(model, evaluators, settings["label_samples"], generator)
            stored["by_label.images"] = shown
    if evaluators.guide is not None and not completes(model):
        published = published_features(model, evaluators, latents, unlearned=bool(evidence.steps))
        fields["published_features"] = published
    if needs_statistics(settings["metrics"]) and not completes(model):
        heldout = {"heldout_retain": evidence.groups["heldout_retain"]}
        fields["by_statistics"] = evaluate_by_statistics(
            model,
            evaluators.judge,
            latents,
            images,
            evidence.groups,
            lambda: evaluate_losses(model, images, labels, heldout, settings, reference)["heldout_retain"],
        )
    return replace(evidence, **fields), stored


def needs_statistics(metrics: list[str]) -> bool:
    """Whether one of the metrics compares sources of running statistics."""
    return "by_statistics" in {plugin_constant("metrics", name, "NEEDS") for name in metrics}


def evaluate_samples(model: nn.Module, evaluators: Evaluators, latents: Tensor) -> tuple[dict, dict[str, np.ndarray]]:
    """Decode latents in eval mode and look at the samples.

    Args:
        model: that generates images.
        evaluators: networks that look at the samples.
        latents: (N, D).

    Returns:
        The fields of `Evidence` that rest on samples; arrays to be stored, with the first `STORED_IMAGES` samples.
    """
    images = decode(model, latents)
    features, classes, class_counts = evaluators.classify(images, "inception")
    samples = SampleSet(*(tensor.cpu().numpy() for tensor in (features, classes, class_counts)))
    fields = {
        "samples": samples,
        "probabilities": evaluators.probabilities(features).cpu().numpy(),
        "images": images.cpu().numpy(),
    }
    stored = {
        "images": fields["images"][:STORED_IMAGES],
        "classes": samples.classes,
        "latents": latents.cpu().numpy(),
    }
    return fields, stored


def published_features(model: nn.Module, evaluators: Evaluators, latents: Tensor, *, unlearned: bool) -> np.ndarray:
    """Decode latents as the UNO paper's code does for its distance, and extract the published features.

    Args:
        model: that generates images.
        evaluators: networks that look at the samples, with a guide.
        latents: (N, D).
        unlearned: whether a method has run. The code decodes such a model in eval mode, with the running statistics
            that the run left, but leaves the original in train mode.

    Returns:
        (N, G).
    """
    images = decode(model, latents, train_mode=not unlearned)
    return evaluators.published_features(images, "inception.published").cpu().numpy()


def evaluate_completions(
    model: nn.Module,
    evaluators: Evaluators,
    images: Tensor,
    labels: np.ndarray,
    groups: dict[str, np.ndarray],
    reference: Reference,
) -> tuple[dict, dict[str, np.ndarray]]:
    """Complete the images of each group and look at the completions.

    Args:
        model: that completes images.
        evaluators: networks that look at the completions.
        images: all real images, (N, C, H, W) uint8.
        labels: of the real images, (N,).
        groups: indices (n,) of the images to complete, by group; the reference must have been built of the same ones.
        reference: of the experiment.

    Returns:
        The fields of `Evidence` that rest on completions; arrays to be stored, of `STORED_IMAGES` images of each group.
    """
    completions = {
        group: completion_set(model, evaluators, images[indices], labels[indices], group, reference)
        for group, indices in groups.items()
    }
    stored = {
        f"{group}.{name}": array[spread_out(range(len(array)), STORED_IMAGES)]
        for group, completion in completions.items()
        for name, array in vars(completion).items()
        if array is not None
    }
    return {"completions": completions}, stored


@torch.no_grad()
def completion_set(
    model: nn.Module, evaluators: Evaluators, images: Tensor, labels: np.ndarray, group: str, reference: Reference
) -> CompletionSet:
    """Complete images of one group and look at the completions; see `CompletionSet`."""
    completed, hidden = completed_group(model, images, group)
    features, classes, _ = evaluators.classify(completed)
    true_features = torch.from_numpy(reference.true_features(group))
    arrays = {
        "images": images,
        "hidden": hidden,
        "completed": completed,
        "classes": classes,
        "features": features,
        "true_features": true_features,
        "probabilities": evaluators.probabilities(features),
        "embeddings": evaluators.embeddings(completed, features),
        "true_embeddings": evaluators.embeddings(images, true_features),
    }
    arrays = {name: array.cpu().numpy() for name, array in arrays.items()}
    return CompletionSet(labels=labels, retrained=reference.retrained_completions(group), **arrays)


def completed_group(model: nn.Module, images: Tensor, group: str) -> tuple[Tensor, Tensor]:
    """Complete images of one group.

    Masks and noise depend on the name of the group alone: they are the same for every method, seed and device.

    Args:
        model: that completes images.
        images: (n, C, H, W) uint8.
        group: name of the group.

    Returns:
        Completions (n, C, H, W) uint8, and the pixels that the model filled in, (n, 1, H, W) bool.
    """
    # A GPU's generator draws other numbers, so the CPU draws for both.
    noise = model.completion_noise(len(images), stream(0, f"completions {group}")).to(images.device)
    return complete(model, images, noise), model.hidden_pixels(noise).bool()


def evaluate_losses(
    model: nn.Module,
    images: Tensor,
    labels: np.ndarray,
    groups: dict[str, list[int]],
    settings: dict,
    reference: Reference,
) -> dict[str, np.ndarray]:
    """The loss of each image, by group.

    The groups that the reference has losses of get the reference's number of draws. The mean over the large retain set
    needs fewer draws. But an importance-weighted bound grows with the draws, and then all groups get the same number.

    Args:
        model: in eval mode.
        images: all real images, (N, C, H, W) uint8.
        labels: of the real images, (N,).
        groups: image indices by group.
        settings: the key `evaluation` of the experiment's configuration.
        reference: of the experiment.

    Returns:
        (n,) losses for each group, in nats for a VAE.
    """
    bound, losses, labels = bound_of(settings), {}, torch.from_numpy(labels).to(images.device)
    for group, indices in groups.items():
        common = group in UNSEEN or bound == "importance_weighted"
        draws = reference.draws if common else settings["elbo_draws"]
        losses[group] = group_losses(model, images[indices], group, draws, bound, labels[indices])
    return losses
