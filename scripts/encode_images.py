"""Encode a prepared data set by the frozen autoencoder of a model, once for all of its runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from unlearning.data.dataset import Dataset
from unlearning.networks.autoencoder import Autoencoder
from unlearning.networks.images import CHUNK, as_float
from unlearning.runtime.device import explain_out_of_memory, prepare_device
from unlearning.runtime.job import run


def main(*, autoencoder: dict, key: str, device: str, dataset: Path, latents: Path) -> None:
    """Write the data set with latents in place of its images.

    Args:
        autoencoder: source, file and checksums of published weights, see `Autoencoder`.
        key: that they stand under in the experiment's configuration.
        device: 'cpu', 'cuda' or 'auto'.
        dataset: prepared data set.
        latents: safetensors file to write, as of `Dataset`. Its images (N, c, h, w) are float32: 255 times what
            `Autoencoder.encode` returns, for `as_float` makes of images in a file what a model gets.
    """
    target = prepare_device(device)
    with explain_out_of_memory():
        network, data, parts = Autoencoder(autoencoder, key), Dataset.load(dataset), []
        for start in tqdm(range(0, len(data.images), CHUNK), "encoding", unit=" thousand", mininterval=5):
            images = torch.from_numpy(data.images[start : start + CHUNK]).to(target)
            parts.append(255 * network.encode(as_float(images)).cpu().numpy())
    replace(data, images=np.concatenate(parts)).save(latents)


if "snakemake" in globals():
    run(main, snakemake)
