"""Make the report, and print a panel of the main table of each experiment in config.yaml, and where its files lie."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from unlearning.config.load import load_settings
from unlearning.config.strict_yaml import ConfigError
from unlearning.reporting.panels import notes, panels
from unlearning.reporting.results import Results
from unlearning.reporting.terminal import WIDEST, spell, to_terminal
from unlearning.runtime import failures


def main(report: str, status: int) -> None:
    """Make the report and print the tables. If only single runs failed, say which; the exit status is that of the run.

    Args:
        report: Path of the HTML report.
        status: Exit status of Snakemake.
    """
    sys.stdout.reconfigure(errors="replace")  # not every terminal can show every sign
    try:
        settings = load_settings({})
    except ConfigError:  # Snakemake has said what is wrong
        sys.exit(status)
    folders = [Path(settings["results"]) / name for name in settings["experiments"]]
    failed = [line for folder in folders for line in failures.describe(folder)]
    if status and not failed:
        sys.exit(status)
    Path(report).parent.mkdir(parents=True, exist_ok=True)  # results may lie elsewhere
    quiet = [] if os.environ.get("VERBOSE") else ["--logger", "progress"]  # as the Makefile does
    command = [sys.executable, "-m", "snakemake", "--report", report, *quiet]
    made = subprocess.run(command, check=False).returncode == 0
    for folder in folders:
        if (folder / "manifest.json").is_file():
            show(folder)
    print(f"report   {report if made else 'was not made, see above'}", *failed, sep="\n")
    sys.exit(status or not made)


def show(folder: Path) -> None:
    """Print the first panel of the main table in a folder of results, and where the other files are."""
    results, encoding = Results.of_folder(folder), sys.stdout.encoding
    width = shutil.get_terminal_size((WIDEST, 24)).columns
    for panel in panels(results)[:1]:
        print(f"\n{folder.name}: {panel.title}\n\n{to_terminal(panel.shown, width, encoding)}\n")
        marks = "≈ within noise of retraining; ◂ best of a column without such methods; table.md explains both"
        advice = "A method can be best here and destroy the samples: see the other tables in table.md"
        print(spell(f"{marks}\n{advice}", encoding))
    print(*notes(results), sep="\n", end="\n")
    if (folder / "explorer.html").is_file():
        print(f"explorer {folder}/explorer.html, in a browser")
    print(f"table    {folder}/table.md, .csv, .tex; every number: {folder}/metrics.csv")
    print(f"figures  {folder}/figures/*.pdf, *.svg")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
