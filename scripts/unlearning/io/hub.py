"""Published weights from a folder or the Hugging Face hub; their checksum is always verified.

Nothing here imports torch: the workflow fetches the weights before the first job starts.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unlearning.io.files import sha256_of_file

CONFIG = "config.json"  # describes the network that the weights belong to


def weights_file(published: dict, key: str) -> Path:
    """Find or download a file of weights and verify its checksum.

    Args:
        published: `source` (a local folder, or a name on the hub), `file` (the name of the file in it), `sha256` of
            the file and, where the network's `config.json` is needed beside it, `config_sha256`.
        key: key of `published` in the experiment's configuration, for messages; with the name of the configuration
            file where it is known.

    Returns:
        Path of the file.

    Raises:
        ValueError: a file is missing or has another checksum, or the two files are not in one folder.
    """
    files = {"sha256": published["file"]} | ({"config_sha256": CONFIG} if "config_sha256" in published else {})
    paths = [_verified(published["source"], file, published[check], key, check) for check, file in files.items()]
    if len({path.parent for path in paths}) > 1:
        raise ValueError(f"{key}.source: {paths[0]} and {CONFIG} are not in one folder; name a folder that has both")
    return paths[0]


def _verified(source: str, file: str, sha256: str, key: str, check: str) -> Path:
    from huggingface_hub import hf_hub_download

    path = Path(source) / file
    if not path.is_file():
        try:
            path = Path(hf_hub_download(source, file))
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{key}.source = {source!r}: neither a folder with {file} nor a name on the hub ({error}); name "
                "a folder that holds the file"
            ) from None
    if (actual := sha256_of_file(path)) != sha256:
        raise ValueError(
            f"{key}.{check} = {sha256}, but {path} has the SHA-256 {actual}: damaged or another version; fetch it "
            "again, or correct the key"
        )
    return path


@contextmanager
def explain_unreadable(path: Path, key: str) -> Iterator[None]:
    """Name the file and the key of weights that have the right checksum but cannot be read.

    Args:
        path: file that the block reads.
        key: as in `weights_file`.

    Yields:
        None.

    Raises:
        ValueError: reading failed.
    """
    try:
        yield
    except Exception as error:  # transformers, torch and safetensors raise kinds of their own
        raise ValueError(
            f"{key}: {path} has the checksum stated, but cannot be read as weights ({type(error).__name__}); name "
            "another file and its checksum"
        ) from error
