"""The effect of running statistics as a table: the same weights, with statistics from three sources."""

import pandas as pd

from unlearning.reporting.comparisons import summarise
from unlearning.reporting.results import Results
from unlearning.reporting.summary import cells

SOURCES = {"as_left": "as left by the run", "mixed": "retain and forget", "retain": "retain"}
QUANTITIES = {"forget_fraction": "Forget fraction (%)", "negative_elbo": "−ELBO held-out retain (nats)"}
DIFFERENCE = "as left − retain"


def metric_of(source: str, quantity: str) -> str:
    """The metric of a quantity with statistics from a source."""
    return f"running_statistics_{source}_{quantity}"


def statistics_table(results: Results) -> pd.DataFrame:
    """Show both quantities of every row with statistics from each source, and what the source changes.

    Args:
        results: Results of the experiment.

    Returns:
        A table of text: 'Quantity', 'Method', the mean ± standard deviation over seeds for each source, and the
        difference of the first and the last source between the same runs, see `comparisons.summarise`. Without rows, if
        the experiment does not have the metric `statistics_effect`.
    """
    lines = []
    for quantity, label in QUANTITIES.items():
        names = {metric_of(source, quantity): heading for source, heading in SOURCES.items()}
        text = cells(results.metrics, {name: {} for name in names})
        for row in results.rows:
            as_left, retain = (
                results.values(metric_of(source, quantity), row).set_index("seed")["value"]
                for source in ("as_left", "retain")
            )
            differences = (as_left - retain).dropna().to_numpy()
            if len(differences):
                shown = text.loc[row, list(names)].rename(names)
                lines.append({"Quantity": label, "Method": row, **shown, DIFFERENCE: summarise(differences)})
    return pd.DataFrame(lines)
