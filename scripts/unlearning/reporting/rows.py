"""How tables, figures and pages call the rows of an experiment, and in which order the rows stand."""

from collections import Counter
from dataclasses import dataclass

from unlearning.config.experiment import algorithm_of, references_of
from unlearning.plugins.describe import method_heading

# Groups of rows with their titles, in their order. A method's file declares its group.
GROUPS = {
    "references": "References",
    "finetuning": "Fine-tuning",
    "ascent": "Ascent",
    "surgery": "Gradient surgery",
    "uno": "UNO",
    "others": "Other methods",
}
TITLES = {"original": "Original", "retrain": "Retrained"}


@dataclass(frozen=True)
class Row:
    """A row of tables and figures.

    Attributes:
        key: Name in the configuration, which CSV files and folders have.
        name: Name that readers see.
        group: Key of `GROUPS`.
    """

    key: str
    name: str
    group: str


def rows(experiment: dict) -> list[Row]:
    """List the rows of an experiment.

    Args:
        experiment: Configuration of the experiment.

    Returns:
        The rows group by group, and within a group in the order of the configuration. The name of a row is the title of
        the algorithm. The row's own name follows in brackets, if it is not the algorithm's, or if two algorithms have
        the same title.
    """
    headings = {row: method_heading(algorithm_of(experiment, row)) for row in experiment["methods"]}
    own = Counter(headings[row][0] for row in headings if row == algorithm_of(experiment, row))
    listed = [Row(key, TITLES[key], "references") for key in references_of(experiment)]
    for row, (title, group) in headings.items():
        clear = row == algorithm_of(experiment, row) and own[title] == 1
        listed.append(Row(row, title if clear else f"{title} ({row})", group))
    return sorted(listed, key=lambda row: list(GROUPS).index(row.group))
