"""CLIP (Radford et al. 2021), by whose embeddings of images Li et al. (ICLR 2024) judge completions."""

from pathlib import Path

import torch
from torch import Tensor

from unlearning.io import hub
from unlearning.networks.images import as_float

BATCH = 50  # images at a time: they are enlarged, to 224×224 for most networks


class Clip:
    """The image tower of a CLIP, frozen and in eval mode.

    Args:
        file: weights of a whole CLIP or of its image tower, with their `config.json` beside them, both checked.
        device: to compute on.

    Raises:
        ValueError: `config.json` describes something else, or the weights cannot be read or are not those of its
            network.
    """

    def __init__(self, file: Path, device: torch.device):
        # Seconds to import, and most experiments have no use for them.
        from torchvision.transforms.v2 import CenterCrop, Compose, InterpolationMode, Lambda, Normalize, Resize
        from transformers import AutoConfig, CLIPConfig, CLIPVisionConfig
        from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
        from transformers.models.clip.modeling_clip import CLIPVisionModelWithProjection

        config = AutoConfig.from_pretrained(file.parent)
        if isinstance(config, CLIPConfig):
            # Published files leave the tower's own number at its default.
            config.vision_config.projection_dim = config.projection_dim
            config = config.vision_config
        if not isinstance(config, CLIPVisionConfig):
            raise ValueError(f"{file.parent / 'config.json'}: describes a {config.model_type} network, not a CLIP")
        with hub.explain_unreadable(file, "evaluation.embedding"):
            network, report = CLIPVisionModelWithProjection.from_pretrained(
                file.parent,
                config=config,
                use_safetensors=file.suffix == ".safetensors",
                weights_only=True,
                ignore_mismatched_sizes=True,  # reported, then refused here with those that are missing
                output_loading_info=True,
            )
        if wrong := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
            raise ValueError(f"{file}: lacks weights of a CLIP as config.json describes it: {', '.join(wrong[:3])}, …")
        self._network = network.to(device, torch.float32).eval().requires_grad_(False)
        side = network.config.image_size
        self._prepare = Compose(
            [
                Resize(side, InterpolationMode.BICUBIC, antialias=True),
                CenterCrop(side),
                Lambda(lambda pixels: pixels.clamp(0, 1)),  # bicubic curves overshoot
                Normalize(OPENAI_CLIP_MEAN, OPENAI_CLIP_STD),
            ]
        )

    @torch.no_grad()
    def embeddings(self, images: Tensor) -> Tensor:
        """Image embeddings (N, D) of uint8 images (N, 1 or 3, H, W); they are not scaled to length 1."""
        parts = []
        for batch in images.split(BATCH):
            pixels = self._prepare(as_float(batch).expand(-1, 3, -1, -1))
            parts.append(self._network(pixel_values=pixels).image_embeds)
        return torch.cat(parts)
