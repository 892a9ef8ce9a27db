"""Published numbers of experiments that are not among those configured: each has the verdict "not run"."""

from pathlib import Path

import pandas as pd

from unlearning.config.strict_yaml import read_yaml
from unlearning.reporting.quantities import read_published, read_quantities


def not_run(root: Path, configured: set[str]) -> dict[str, pd.DataFrame]:
    """The published numbers that nobody has asked to reproduce here, with what their experiment needs.

    Args:
        root: Folder of the repository.
        configured: Names of the experiments in config.yaml.

    Returns:
        For each experiment whose file says under `published.needs` what it takes, a table with the columns `Method`,
        `Quantity`, `Published` and `Verdict`. None for an experiment that is configured: its own verdicts are printed.
    """
    quantities, tables = read_quantities(root / "published" / "quantities.yaml"), {}
    for path in sorted((root / "configs").glob("*.yaml")):
        experiment = read_yaml(f"configs/{path.name}", root)
        published = experiment.get("published", {})
        if "needs" not in published or path.stem in configured:
            continue
        numbers = read_published([root / "published" / f"{published['table']}.csv"])
        numbers = numbers[numbers["dataset"] == experiment["dataset"]]
        tables[path.stem] = pd.DataFrame(
            {
                "Method": numbers["method"],
                "Quantity": [quantities[name].label for name in numbers["metric"]],
                "Published": [
                    f"{mean:g}" if pd.isna(std) else f"{mean:g} ± {std:g}"
                    for mean, std in zip(numbers["mean"], numbers["std"], strict=True)
                ],
                "Verdict": f"not run: needs {published['needs']}",
            }
        )
    return tables
