"""Put Inception's weights into place and check them against their published checksum."""

import os
from pathlib import Path

from unlearning.io import inception_weights
from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.io.files import write_json
from unlearning.runtime.job import run


def main(*, fetched: Path) -> None:
    """Fetch the file into the folder `checkpoints` beside `fetched`.

    Args:
        fetched: JSON file that says the weights are whole.

    Raises:
        ValueError: they cannot be had with their published checksum.
    """
    inception_weights.fetch(fetched.parent / "checkpoints", os.environ.get(SOURCE_VARIABLE))
    write_json(fetched, inception_weights.INCEPTION)


if "snakemake" in globals():
    run(main, snakemake)
