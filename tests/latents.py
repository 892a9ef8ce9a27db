"""A small autoencoder and a small DiT with random weights, in the files in which the large ones are published."""

import json
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from safetensors.torch import load_file, save_file

from unlearning.io.files import sha256_of_file

LEVELS = 4
# As in stabilityai/sd-vae-ft-mse of 2022: attention under its names of then, and no scaling factor.
OLD_NAMES = {"to_q.": "query.", "to_k.": "key.", "to_v.": "value.", "to_out.0.": "proj_attn."}


def publish_autoencoder(folder: Path, levels: int = LEVELS) -> dict:
    """Write the weights and their config.json into the folder.

    Returns:
        The key `autoencoder` of a model that uses them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    AutoencoderKL(
        block_out_channels=[4] * levels,
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=32,
    ).save_pretrained(folder)
    weights, config = folder / "diffusion_pytorch_model.safetensors", folder / "config.json"
    state = {}
    for name, tensor in load_file(weights).items():
        for new, old in OLD_NAMES.items():
            name = name.replace(new, old)
        state[name] = tensor
    save_file(state, weights, metadata={"format": "pt"})
    content = json.loads(config.read_text())
    kept = {key: value for key, value in content.items() if key in ("_class_name", "block_out_channels")}
    kept |= {key: content[key] for key in ("down_block_types", "up_block_types", "layers_per_block", "latent_channels")}
    config.write_text(json.dumps(kept | {"norm_num_groups": 2, "sample_size": 32, "act_fn": "silu"}))
    return autoencoder_of(folder)


def autoencoder_of(folder: Path) -> dict:
    """The key `autoencoder` for the files in a folder, as they are."""
    weights = folder / "diffusion_pytorch_model.safetensors"
    return {
        "source": str(folder),
        "file": weights.name,
        "sha256": sha256_of_file(weights),
        "config_sha256": sha256_of_file(folder / "config.json"),
    }


def publish_dit(file: Path, *, classes: int, width: int, depth: int, patch: int = 2, side: int = 4) -> None:
    """Write a checkpoint with the names and shapes of DiT-XL-2-256x256.pt, with learned variances, for 4 channels."""
    torch.manual_seed(1)
    layers = {
        "t_embedder.mlp.0": (width, 256),
        "t_embedder.mlp.2": (width, width),
        "final_layer.linear": (patch**2 * 8, width),
        "final_layer.adaLN_modulation.1": (2 * width, width),
    }
    for block in range(depth):
        shapes = {"attn.qkv": 3, "attn.proj": 1, "mlp.fc1": 4, "adaLN_modulation.1": 6}
        layers |= {f"blocks.{block}.{name}": (times * width, width) for name, times in shapes.items()}
        layers[f"blocks.{block}.mlp.fc2"] = (width, 4 * width)
    state = {"pos_embed": torch.randn(1, (side // patch) ** 2, width)}
    state["x_embedder.proj.weight"] = torch.randn(width, 4, patch, patch)
    state["x_embedder.proj.bias"] = torch.randn(width)
    state["y_embedder.embedding_table.weight"] = torch.randn(classes + 1, width)
    for name, (outputs, inputs) in layers.items():
        state[f"{name}.weight"] = torch.randn(outputs, inputs) / inputs**0.5
        state[f"{name}.bias"] = 0.1 * torch.randn(outputs)
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, file)
