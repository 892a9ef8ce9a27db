"""Weights of Inception, the network of published Fréchet distances: a download with a checksum.

Nothing here imports torch: the workflow fetches the weights before the first job starts.
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
    """Put the file into `folder`. On a full disk, `explain_full_disk` raises an OSError.

    Args:
        folder: folder for the file.
        source: folder or URL that holds inception/{file}; None for pytorch-fid's release.

    Raises:
        ValueError: there is no file with the checksum. The message says what to do without a network, or without
            the file.
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
