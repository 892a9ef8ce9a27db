"""Record where the results of an experiment come from."""

from pathlib import Path

from unlearning.data.forget_set import GROUPS
from unlearning.io.files import read_json, sha256_of, write_json
from unlearning.reporting.results import Results
from unlearning.runtime.failures import FAILED
from unlearning.runtime.job import run
from unlearning.runtime.provenance import command, environment

OF_DATA = ("name", "title", "source", "licence", "files", "sha256")
OF_RESULT = ("method", "seed", "status", "last_step")
OF_RUN = ("config_sha256", "code", "device", "gpu", "gpu_uuid", "threads", "peak_memory_mib")
OF_ENVIRONMENT = ("commit", "dirty", "host", "cpu", "packages")


def main(
    *,
    experiment: str,
    configuration: dict,
    table: Path,
    dataset: Path,
    forget_set: Path,
    accuracy: list[Path],
    manifest: Path,
) -> None:
    """Collect what the single runs recorded about themselves.

    Args:
        experiment: Name of the experiment.
        configuration: Configuration of the experiment.
        table: `metrics.csv`. The `metrics.json` of every run lies beside it.
        dataset: Manifest of the prepared data set.
        forget_set: `forget_set.json`.
        accuracy: `accuracy.json` of the judge and, if there is one, of the guide.
        manifest: The JSON file to write.
    """
    results = Results.read(configuration, table, accuracy, forget_set)
    here = environment()
    write_json(
        manifest,
        {
            "experiment": experiment,
            "command": command(),
            "commit": here["commit"],
            "dirty": here["dirty"],
            "environment": here,
            "configuration": configuration,
            "configuration_sha256": sha256_of(configuration),
            "data": _select(read_json(dataset), OF_DATA),
            "forget_set": {
                **_select(results.forget_set, ("selection", "sha256")),
                "images": {group: len(results.forget_set[group]) for group in GROUPS},
            },
            "judge": results.judge,
            "guide": results.guide,
            "runs": _runs(results),
        },
    )


def _runs(results: Results) -> list[dict]:
    """What made each run. A run is reused until its cause changes, and so it can be older than the manifest."""
    failed = results.runs["status"] == FAILED
    paths = [
        results.run(run.method, run.seed) / "metrics.json" for run in results.runs[~failed].itertuples(index=False)
    ]
    return results.runs.loc[failed, ["method", "seed", "status", "log"]].to_dict("records") + [
        {
            **_select(result, OF_RESULT),
            **_select(result["run"], OF_RUN),
            **_select(result["run"]["environment"], OF_ENVIRONMENT),
        }
        for result in map(read_json, paths)
    ]


def _select(record: dict, keys: tuple[str, ...]) -> dict:
    return {key: record[key] for key in keys}


if "snakemake" in globals():
    run(main, snakemake)
