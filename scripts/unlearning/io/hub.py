"""Published weights from a folder or the Hugging Face hub, never used unchecked.

Nothing here imports torch: the workflow fetches what its jobs will need before the first of them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unlearning.io.files import sha256_of_file

CONFIG = "config.json"  # which describes the network that the weights belong to


def weights_file(published: dict, key: str) -> Path:
    """The file of weights; where `config_sha256` is given, the network's `config.json` lies beside it.

    Args:
        published: `source` (a local folder, or a name on the hub), `file` in it, and its `sha256`.
        key: of the experiment's configuration, with its file where that is known, for messages.

    Raises:
        ValueError: a file cannot be had, or has another checksum.
    """
    wanted = {"sha256": published["file"]} | ({"config_sha256": CONFIG} if "config_sha256" in published else {})
    paths = [_checked(published["source"], file, published[check], key, check) for check, file in wanted.items()]
    if len({path.parent for path in paths}) > 1:
        raise ValueError(f"{key}.source: {paths[0]} and {CONFIG} are not in one folder; name a folder that has both")
    return paths[0]


def _checked(source: str, file: str, sha256: str, key: str, check: str) -> Path:
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
    if (found := sha256_of_file(path)) != sha256:
        raise ValueError(
            f"{key}.{check} = {sha256}, but {path} has the SHA-256 {found}: damaged or another version; fetch it "
            "again, or correct the key"
        )
    return path


@contextmanager
def explain_unreadable(path: Path, key: str) -> Iterator[None]:
    """Name the file and the key of weights that no library can read, although their checksum is right.

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
