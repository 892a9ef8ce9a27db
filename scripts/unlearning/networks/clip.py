"""CLIP (Radford et al. 2021). Li et al. (ICLR 2024) evaluate completions by its embeddings of images."""

from pathlib import Path

import torch
from torch import Tensor

from unlearning.io import hub
from unlearning.networks.images import as_float

BATCH = 50  # images at a time: they are enlarged to 224×224 pixels for most networks


class Clip:
    """The image encoder of a CLIP, frozen and in eval mode.

    Args:
        file: weights of a whole CLIP or of its image encoder, with `config.json` in the same folder. The caller has
            verified the checksums of both files.
        device: where to compute.

    Raises:
        ValueError: `config.json` describes another kind of network, the weights cannot be read, or the weights do not
            fit the network that `config.json` describes.
    """

    def __init__(self, file: Path, device: torch.device):
        # These imports take seconds, and most experiments do not use CLIP.
        from torchvision.transforms.v2 import CenterCrop, Compose, InterpolationMode, Lambda, Normalize, Resize
        from transformers import AutoConfig, CLIPConfig, CLIPVisionConfig
        from transformers.image_utils import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD
        from transformers.models.clip.modeling_clip import CLIPVisionModelWithProjection

        config = AutoConfig.from_pretrained(file.parent)
        if isinstance(config, CLIPConfig):
            # In published files, the image encoder's own number of dimensions is a default, which may be wrong.
            config.vision_config.projection_dim = config.projection_dim
            config = config.vision_config
        if not isinstance(config, CLIPVisionConfig):
            raise ValueError(
                f"{file.parent / 'config.json'}: describes a {config.model_type} network, not a CLIP; set "
                "evaluation.embedding.source to a CLIP"
            )
        with hub.explain_unreadable(file, "evaluation.embedding"):
            network, report = CLIPVisionModelWithProjection.from_pretrained(
                file.parent,
                config=config,
                use_safetensors=file.suffix == ".safetensors",
                weights_only=True,
                ignore_mismatched_sizes=True,  # so that the report, and the error below, name them too
                output_loading_info=True,
            )
        if missing := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
            raise ValueError(
                f"{file}: lacks weights of a CLIP as config.json describes it: {', '.join(missing[:3])}, …; take both "
                "files from one source"
            )
        self._network = network.to(device, torch.float32).eval().requires_grad_(False)
        side = network.config.image_size
        self._prepare = Compose(
            [
                Resize(side, InterpolationMode.BICUBIC, antialias=True),
                CenterCrop(side),
                Lambda(lambda pixels: pixels.clamp(0, 1)),  # bicubic interpolation overshoots
                Normalize(OPENAI_CLIP_MEAN, OPENAI_CLIP_STD),
            ]
        )

    @torch.no_grad()
    def embeddings(self, images: Tensor) -> Tensor:
        """Compute image embeddings.

        Args:
            images: (N, 1 or 3, H, W) uint8.

        Returns:
            (N, D) float32, not scaled to length 1.
        """
        parts = []
        for batch in images.split(BATCH):
            pixels = self._prepare(as_float(batch).expand(-1, 3, -1, -1))
            parts.append(self._network(pixel_values=pixels).image_embeds)
        return torch.cat(parts)
