"""Print the verdicts on published numbers that the configured experiments allow."""

import sys
from pathlib import Path


def main(tables: list[Path], log: Path) -> None:
    """Print each table under the name of its experiment, and write the same to a file."""
    text = "".join(f"\n{table.parent.name}\n\n{table.read_text(encoding='utf-8')}" for table in tables) or (
        "No experiment of config.yaml has the key `published`; try --config experiments=[mnist-small]\n"
    )
    sys.stdout.reconfigure(errors="replace")  # not every terminal can show every sign
    print(text)
    log.write_text(text, encoding="utf-8")


if "snakemake" in globals():
    # Not `unlearning.runtime.job.run`: this job is to write to the terminal.
    main([Path(path) for path in snakemake.input], Path(snakemake.log[0]))
