"""Print the verdicts on published numbers that the configured experiments allow."""

import sys
from pathlib import Path


def main(tables: list[Path], values: list[Path], log: Path, root: Path, configured: list[str]) -> None:
    """Print each table under the name of its experiment, and write the same to a file.

    Several experiments that are compared with the same published numbers stand in one more table, side by side. Numbers
    of experiments that take what few have, and that are not configured, follow with the verdict "not run".

    Args:
        tables: `verdicts.md` of each experiment.
        values: `verdicts.csv` of each experiment.
        log: The file to write.
        root: Folder of the repository.
        configured: Names of the experiments in config.yaml.
    """
    text = "".join(f"\n{table.parent.name}\n\n{table.read_text(encoding='utf-8')}" for table in tables) or (
        "No experiment of config.yaml has the key `published`; try --config experiments=[mnist-small]\n"
    )
    if len(values) > 1:
        text += _side_by_side(values)
    text += _not_run(root, set(configured))
    sys.stdout.reconfigure(errors="replace")  # not every terminal can show every sign
    print(text)
    log.write_text(text, encoding="utf-8")


def _side_by_side(values: list[Path]) -> str:
    import pandas as pd

    from unlearning.reporting.side_by_side import side_by_side

    verdicts = {path.parent.name: pd.read_csv(path, dtype=str, keep_default_na=False) for path in values}
    return "".join(f"\nside by side\n\n{table.to_markdown(index=False)}\n" for table in side_by_side(verdicts))


def _not_run(root: Path, configured: set[str]) -> str:
    from unlearning.reporting.not_run import not_run

    tables = not_run(root, configured)
    return "".join(f"\n{name}\n\n{table.to_markdown(index=False)}\n" for name, table in tables.items())


if "snakemake" in globals():
    # Not `unlearning.runtime.job.run`: this job is to write to the terminal.
    tables = [Path(path) for path in snakemake.input.tables]
    values, log = [Path(path) for path in snakemake.input.values], Path(snakemake.log[0])
    main(tables, values, log, Path(snakemake.params.root), snakemake.params.configured)
