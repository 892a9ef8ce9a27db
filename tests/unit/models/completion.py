"""Small models of every family that completes images, and what their tests share."""

import pytest
import torch

from unlearning.networks import constraints, generative
from unlearning.plugins.describe import plugin_constant
from unlearning.runtime.seeding import stream

HOLE = {"centre_hole": {"side": 4}}
CONFIGURATIONS = {
    "masked_autoencoder": {
        "mask": HOLE,
        "patch": 2,
        "width": 16,
        "layers": 2,
        "heads": 2,
        "decoder_width": 8,
        "decoder_layers": 1,
        "decoder_heads": 2,
        "pretrained": None,
    },
    "vq": {
        "mask": HOLE,
        "channels": [4, 8],
        "layers": 1,
        "groups": 2,
        "latent_channels": 3,
        "codes": 7,
        "commitment": 0.25,
    },
    "inpainting_diffusion": {
        "mask": HOLE,
        "channels": [8, 16],
        "layers": 1,
        "groups": 2,
        "sampling_steps": 4,
        "gradient_checkpointing": False,
    },
    "vq_transformer": {
        "mask": HOLE,
        "channels": [4, 8],
        "blocks": 1,
        "groups": 2,
        "latent_channels": 3,
        "codes": 7,
        "commitment": 0.25,
        "width": 8,
        "heads": 2,
        "layers": 2,
        "decoder_layers": 1,
        "rounds": 3,
    },
}
MASKS = [HOLE, {"centre_crop": {"side": 4}}, {"random": {"ratio": 0.6, "patch": 2}}]
every_family = pytest.mark.parametrize("family", CONFIGURATIONS)
every_mask = pytest.mark.parametrize("mask", MASKS, ids=lambda mask: next(iter(mask)))


def build(family, image_shape=(1, 8, 8), seed=0, **changes):
    return generative.build({family: CONFIGURATIONS[family] | changes}, list(image_shape), seed).double()


def draw(network, image_shape=(1, 8, 8), count=5, kind="loss_noise"):
    """Images and noise in float64."""
    images = torch.rand(count, *image_shape, generator=stream(0, "images"), dtype=torch.float64)
    return images, getattr(network, kind)(count, stream(0, kind)).double()


def elsewhere(images, hidden):
    """The images with other pixels where they are hidden."""
    return torch.where(
        hidden.bool(), torch.rand(images.shape, generator=stream(0, "other"), dtype=images.dtype), images
    )


def check_constraints(family, image_shape=(1, 8, 8), **changes):
    """The constraints that the model's file names, as the configuration is checked."""
    for name in plugin_constant("models", family, "CONSTRAINTS"):
        getattr(constraints, name)(CONFIGURATIONS[family] | changes, list(image_shape))


def up_blocks(network, embedding, noise):
    """The rest of the U-Net, as in the library's `forward`."""
    unet, (*maps, sample) = network.network, embedding
    time = unet.time_embedding(unet.time_proj(noise[:, -1, 0, 0]).double())
    for block in unet.up_blocks:
        maps, skipped = maps[: -len(block.resnets)], maps[-len(block.resnets) :]
        sample = block(sample, tuple(skipped), time)
    assert not maps
    return unet.conv_out(unet.conv_act(unet.conv_norm_out(sample)))
