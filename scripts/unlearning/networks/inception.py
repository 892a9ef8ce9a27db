"""The Inception network of pytorch-fid: features of images, and class scores of features."""

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

BATCH = 50  # images at a time, as in pytorch-fid: the network enlarges them to 299×299 pixels


class Inception:
    """Inception, frozen and in eval mode.

    Args:
        folder: the folder in which `inception_weights.fetch` put the weights. Its name must be 'checkpoints'.
        device: where to compute. On a GPU, the network computes in mixed precision.

    Raises:
        ValueError: the file of weights does not have the published checksum.
    """

    def __init__(self, folder: Path, device: torch.device):
        from pytorch_fid.inception import InceptionV3

        file = folder / inception_weights.FILE
        self._checksum = inception_weights.INCEPTION["files"][inception_weights.FILE]
        verify_file(file, self._checksum)
        # pytorch-fid takes no path. It looks where torch.hub keeps downloads, in {hub folder}/checkpoints.
        hub_folder = torch.hub.get_dir()
        torch.hub.set_dir(str(folder.resolve().parent))
        self._network = InceptionV3().to(device, memory_format=torch.channels_last).eval()
        torch.hub.set_dir(hub_folder)
        # The weights without the bias, as in the original Inception score.
        self._scores = torch.load(file, map_location=device, weights_only=True)["fc.weight"]

    @torch.no_grad()
    def features(self, images: Tensor) -> Tensor:
        """Compute features: the output of the last pooling layer.

        Args:
            images: (N, 1 or 3, H, W) uint8.

        Returns:
            (N, 2048) float16.
        """
        parts = []
        with torch.autocast(images.device.type, torch.float16, enabled=images.device.type == "cuda"):
            for batch in tqdm(images.split(BATCH), "Inception", mininterval=5):
                pixels = as_float(batch).expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
                parts.append(self._network(pixels)[0].flatten(1).half())
        return torch.cat(parts)

    def cached_features(self, images: Tensor, cache: Path) -> Tensor:
        """Compute features, or read them from a file that holds the features of the same images.

        Args:
            images: (N, 1 or 3, H, W) uint8.
            cache: the file; written if it is missing or holds features of other images, weights or code.

        Returns:
            (N, 2048) float16.
        """
        content = hashlib.sha256(images.cpu().numpy()).hexdigest()
        key = sha256_of([content, self._checksum, images.device.type, code_hash("unlearning/networks/inception.py")])
        if cache.exists():
            arrays, cached_key = read_tensors(cache)
            if cached_key == key:
                return torch.from_numpy(arrays["features"]).to(images.device)
        features = self.features(images)
        write_tensors(cache, {"features": features}, key)
        return features

    def output(self, features: Tensor) -> Tensor:
        """Compute the scores of the 1008 classes, before the softmax.

        Args:
            features: (N, 2048), from `features`.

        Returns:
            (N, 1008) float32.
        """
        return features.float() @ self._scores.T
