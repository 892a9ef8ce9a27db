"""A small CLIP with random weights, as one is published."""

from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel

SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def publish_clip(folder: Path) -> Path:
    """Write both towers' weights and their configuration into the folder; returns the file of weights."""
    torch.manual_seed(0)
    vision = {**SIZES, "image_size": 32, "patch_size": 8, "hidden_act": "gelu"}  # the default is quick_gelu
    config = CLIPConfig(vision_config=vision, text_config={**SIZES, "vocab_size": 50}, projection_dim=12)
    CLIPModel(config).save_pretrained(folder)
    return folder / "model.safetensors"
