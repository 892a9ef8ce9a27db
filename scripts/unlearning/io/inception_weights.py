"""Weights of Inception, the network of published Fréchet distances: a tracked, checksummed download.

Nothing here imports torch: the workflow looks at it before any job.
"""

from pathlib import Path

from unlearning.io import downloads
from unlearning.io.files import explain_full_disk

FEATURES = 2048  # of the last pooling layer
FILE = "pt_inception-2015-12-05-6726825d.pth"  # pytorch-fid's port of TensorFlow's network
INCEPTION = {
    "name": "inception",
    "source": "github.com/mseitzer/pytorch-fid, release fid_weights",
    "files": {FILE: "sha256:6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"},
}


def fetch(folder: Path, source: str | None) -> None:
    """Put the file into `folder`, from `source` (a folder or URL that holds inception/{file}) or pytorch-fid's release.

    Raises:
        ValueError: it could not be had with its checksum; says what to do without a network, or without the file.
        OSError: the disk is full.
    """
    from pytorch_fid.inception import FID_WEIGHTS_URL

    public = [FID_WEIGHTS_URL.removesuffix(FILE)]
    try:
        with explain_full_disk(folder):
            downloads.fetch(folder, INCEPTION, downloads.mirrors_of(INCEPTION["name"], source, public))
    except ValueError as error:
        raise ValueError(
            f"{error} Or set 'features: judge' in the experiment's file, for distances that compare within it alone."
        ) from None
