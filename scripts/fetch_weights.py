"""Put Inception's weights into place and compare them with their published checksum."""

from pathlib import Path

from unlearning.io import inception_weights
from unlearning.io.downloads import user_source
from unlearning.io.files import write_json
from unlearning.runtime.job import run


def main(*, fetched: Path) -> None:
    """Fetch the file into the folder `checkpoints` beside `fetched`; see `inception_weights.fetch` for its errors.

    Args:
        fetched: JSON file to write; it tells that the weights are whole.
    """
    inception_weights.fetch(fetched.parent / "checkpoints", user_source())
    write_json(fetched, inception_weights.INCEPTION)


if "snakemake" in globals():
    run(main, snakemake)
