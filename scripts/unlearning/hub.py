"""Published weights from a folder or the Hugging Face hub, never used unchecked.

Nothing here imports torch: the workflow fetches what its jobs will need before the first of them.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from unlearning.files import sha256_of_file


def weights_file(published: dict, key: str) -> Path:
    """The file of weights; its configuration lies beside it where the source has one.

    Args:
        published: `source` (a local folder, or a name on the hub), `file` in it, and its `sha256`.
        key: of the experiment's configuration, for messages.

    Raises:
        ValueError: the file cannot be had, or has another checksum.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    source, file, sha256 = (published[name] for name in ("source", "file", "sha256"))
    path = Path(source) / file
    if not path.is_file():
        try:
            path = Path(hf_hub_download(source, file))
            with suppress(EntryNotFoundError):
                hf_hub_download(source, "config.json")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"{key}.source = {source!r}: neither a folder with {file} nor a name on the hub ({error}); name "
                "a folder that holds the file"
            ) from None
    if (found := sha256_of_file(path)) != sha256:
        raise ValueError(
            f"{path}: has the SHA-256 {found}, but {key}.sha256 = {sha256}: damaged or another version; "
            "fetch it again, or correct the key"
        )
    return path


def published_weights(experiment: dict) -> Iterator[tuple[str, dict]]:
    """Key and value of all weights that an experiment takes from others."""
    ((name, parameters),) = experiment["model"].items()
    if parameters.get("pretrained"):
        yield f"model.{name}.pretrained", parameters["pretrained"]
    if "embedding" in experiment["evaluation"]:
        yield "evaluation.embedding", experiment["evaluation"]["embedding"]
