"""Gather what every run is compared with, in an experiment without retrained models: features of real images."""

from pathlib import Path

import numpy as np
import torch

from build_reference import real_features
from unlearning.data.dataset import Dataset
from unlearning.data.forget_set import ForgetSet, spread_out
from unlearning.evaluation.evaluators import Evaluators
from unlearning.io.tensors import write_tensors
from unlearning.runtime.device import explain_out_of_memory, prepare_device
from unlearning.runtime.job import run


def main(
    *,
    samples: int,
    elbo: dict,
    completing: bool,
    device: str,
    dataset: Path,
    forget_set: Path,
    judge: Path,
    guide: Path | None,
    weights: Path | None,
    reference: Path,
) -> None:
    """Extract features once for all evaluations. The file has the form of the one that `build_reference` writes.

    Args:
        samples: number of completions of each group of images at most.
        elbo: the keys of `evaluation` that start with 'elbo_'; without retrained models, draws do not grow.
        completing: whether the model completes images.
        device: 'cpu', 'cuda' or 'auto'.
        dataset: prepared data set.
        forget_set: groups of real images.
        judge: networks that classify.
        guide: second classifier, for the as-published protocol; None if the experiment has none.
        weights: a file beside the folder of Inception's weights; None if the classifiers give the features.
        reference: safetensors file of the arrays of `real_features`, and of the true features of completed groups.
    """
    target = prepare_device(device)
    with explain_out_of_memory():
        evaluators = Evaluators.load(judge, guide, weights, target, folder=reference.with_name("inception"))
        data, groups = Dataset.load(dataset), ForgetSet.load(forget_set).groups()
        images = torch.from_numpy(data.images).to(target)
        arrays = real_features(evaluators, images, np.flatnonzero(data.train), groups)
        if completing:
            for group, indices in groups.items():
                shown = images[spread_out(indices, samples)]
                arrays[f"{group}.true_features"] = evaluators.features(shown, f"shown.{group}")
    write_tensors(reference, arrays, {"seeds": [], "draws": elbo.get("elbo_draws"), "noise_share": None})


if "snakemake" in globals():
    run(main, snakemake)
