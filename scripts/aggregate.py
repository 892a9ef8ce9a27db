"""Gather the metrics of all runs of an experiment into one tidy table."""

from pathlib import Path

from unlearning.config.experiment import REFERENCES
from unlearning.data.dataset import class_names
from unlearning.data.description import describe_dataset
from unlearning.evaluation.description import describe_metrics
from unlearning.io.files import atomic_path, read_json, sha256_of_file
from unlearning.reporting.summary import failed_result, tidy
from unlearning.runtime.job import run


def main(
    *,
    experiment: str,
    metrics: list[str],
    methods: dict,
    seeds: list[int],
    dataset: str,
    selection: dict,
    failed: list[dict],
    results: list[Path],
    table: Path,
) -> None:
    """Write one row for each method, seed and metric.

    Args:
        experiment: name of the experiment.
        metrics: names of the metrics' files, in the order of the table.
        methods: the key `methods` of the experiment's configuration.
        seeds: of the experiment.
        dataset: name of the data set.
        selection: the key `forget_set` of the experiment's configuration.
        failed: the runs that failed, see `unlearning.runtime.failures.read`.
        results: `metrics.json` of every other run.
        table: CSV file, see `unlearning.reporting.summary.tidy`.
    """
    descriptions = {metric: entry for file in metrics for metric, entry in describe_metrics(file).items()}
    contents = [read_json(path) | {"metrics_sha256": sha256_of_file(path)} for path in results]
    contents += [failed_result(experiment, run, descriptions) for run in failed]
    rows = [*REFERENCES, *methods]
    contents.sort(key=lambda content: (rows.index(content["method"]), seeds.index(content["seed"])))
    classes = class_names(selection, describe_dataset(dataset))
    with atomic_path(table) as temporary:
        tidy(contents, descriptions, classes).to_csv(temporary, index=False)


if "snakemake" in globals():
    run(main, snakemake)
