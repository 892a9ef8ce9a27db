"""Inception as pytorch-fid has it: features of images, and class scores of features."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from unlearning.io import inception_weights
from unlearning.io.checksums import verify_file
from unlearning.io.files import sha256_of
from unlearning.io.tensors import read_tensors, write_tensors
from unlearning.networks.images import as_float
from unlearning.runtime.code_hash import code_hash

BATCH = 50  # images at a time, as in pytorch-fid: they are enlarged to 299×299


class Inception:
    """The network, frozen and in eval mode.

    Args:
        folder: where `inception_weights.fetch` put the file; must be called 'checkpoints'.
        device: to compute on; in mixed precision on a GPU.

    Raises:
        ValueError: the file has not the published checksum.
    """

    def __init__(self, folder: Path, device: torch.device):
        from pytorch_fid.inception import InceptionV3

        file = folder / inception_weights.FILE
        self._checksum = inception_weights.INCEPTION["files"][inception_weights.FILE]
        verify_file(file, self._checksum)
        # The only way to tell pytorch-fid where the file is: torch.hub keeps downloads in {dir}/checkpoints.
        before = torch.hub.get_dir()
        torch.hub.set_dir(str(folder.resolve().parent))
        self._network = InceptionV3().to(device, memory_format=torch.channels_last).eval()
        torch.hub.set_dir(before)
        # Without the bias, as in the original Inception score.
        self._scores = torch.load(file, map_location=device, weights_only=True)["fc.weight"]

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Last pooling layer, (N, 2048) float16, of uint8 images (N, 1 or 3, H, W)."""
        parts = []
        with torch.autocast(images.device.type, torch.float16, enabled=images.device.type == "cuda"):
            for batch in tqdm(images.split(BATCH), "Inception", mininterval=5):
                pixels = as_float(batch).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
                parts.append(self._network(pixels)[0].flatten(1).half())
        return torch.cat(parts)

    def cached_features(self, images: Tensor, cache: Path) -> Tensor:
        """See `features`; read from the file `cache` where it holds those of these very images."""
        content = hashlib.sha256(images.cpu().numpy()).hexdigest()
        key = sha256_of([content, self._checksum, images.device.type, code_hash("unlearning/networks/inception.py")])
        if cache.exists():
            arrays, found = read_tensors(cache)
            if found == key:
                return torch.from_numpy(arrays["features"]).to(images.device)
        features = self.features(images)
        write_tensors(cache, {"features": features}, key)
        return features

    def output(self, features: Tensor) -> Tensor:
        """Scores of the 1008 classes, (N, 1008), of features (N, 2048)."""
        return features.float() @ self._scores.T
