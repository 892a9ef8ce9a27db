"""Runs and figures that failed, so that tables and the other figures are made without them.

When jobs have failed, the process that the user started writes `failed.json` into the folder of each experiment, and
calls Snakemake a second time. The second call leaves out what the file lists, and makes everything else. The file stays
for the HTML report, until the next run starts: that run tries everything that failed again.

Nothing in this module imports torch.
"""

import os
from pathlib import Path

from unlearning.io.files import read_json, write_json

SECOND_CALL = "UNLEARNING_SECOND_CALL"  # environment variable: set in the second call and in its jobs
FAILED = "failed"  # the status of a failed run, beside 'finished' and 'diverged'


def read(folder: Path) -> list[dict]:
    """What failed of an experiment.

    Args:
        folder: of the experiment's results.

    Returns:
        An entry `{"method", "seed", "log"}` for each run, and `{"figure", "log"}` for each figure. `log` is the path,
        from this folder, of the log of the job that failed: the run's own job, or one that the run waits for.
    """
    file = folder / "failed.json"
    return read_json(file)["failed"] if file.is_file() else []


def write(folder: Path, failed: list[dict]) -> None:
    """Write what `read` returns."""
    write_json(folder / "failed.json", {"failed": failed})


def forget(folder: Path) -> None:
    """Delete what `write` wrote."""
    (folder / "failed.json").unlink(missing_ok=True)


def describe(folder: Path) -> list[str]:
    """One line for each failed run or figure of an experiment, with the path of its log."""
    return [
        "{}: {} failed, see {}".format(
            folder.name,
            f"figure {entry['figure']}" if "figure" in entry else f"{entry['method']}, seed {entry['seed']},",
            os.path.normpath(folder / entry["log"]),
        )
        for entry in read(folder)
    ]
