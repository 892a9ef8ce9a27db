"""Write the results of finished experiments, and of benchmarks, for the documentation, into `docs/results/`.

Usage: `python scripts/publish_results.py digits`. Without a name, the experiments that config.yaml names are published.
What `make bench` measured is published, too, if it is there.
"""

import sys
from pathlib import Path

from unlearning.config.load import load_settings
from unlearning.io.files import ROOT
from unlearning.reporting.publishing import publish, publish_benchmarks


def main(names: list[str]) -> None:
    """Publish experiments and benchmarks.

    Args:
        names: Names of experiments; without any, those of config.yaml.
    """
    settings = load_settings({})
    for name in names or settings["experiments"]:
        folder = Path(settings["results"]) / name
        if not (folder / "manifest.json").is_file():
            sys.exit(f"{folder}: no finished results. Make them: snakemake -c2 --config 'experiments=[{name}]'")
        try:
            publish(folder, ROOT / "docs" / "results" / name)
        except ValueError as error:
            sys.exit(str(error))
        print(f"docs/results/{name}")
    if publish_benchmarks(Path(settings["results"]), ROOT / "docs" / "results" / "benchmarks"):
        print("docs/results/benchmarks")


if __name__ == "__main__":
    main(sys.argv[1:])
