"""Record where the results of an experiment come from."""

from pathlib import Path

from unlearning.data.forget_set import GROUPS
from unlearning.io.files import read_json, sha256_of, write_json
from unlearning.reporting.results import Results
from unlearning.runtime.job import run
from unlearning.runtime.provenance import command, environment


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
    """Gather what the single runs wrote down about themselves.

    Args:
        experiment: name of the experiment.
        configuration: the whole configuration of the experiment.
        table: `metrics.csv`; every run's `metrics.json` lies beside it.
        dataset: manifest of the prepared data set.
        forget_set: as selected.
        accuracy: of the judge and, where there is one, of the guide.
        manifest: JSON file.
    """
    results = Results.read(configuration, table, accuracy, forget_set)
    runs = [
        read_json(results.run(method, seed) / "metrics.json")
        for method in results.rows
        for seed in configuration["seeds"]
    ]
    data = read_json(dataset)
    chosen = results.forget_set
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
            "data": {key: data[key] for key in ("name", "title", "source", "licence", "files", "sha256")},
            "forget_set": {
                "selection": chosen["selection"],
                "sha256": chosen["sha256"],
                "images": {group: len(chosen[group]) for group in GROUPS},
            },
            "judge": results.judge,
            "guide": results.guide,
            # A result is reused until its cause changes, so runs may be older than this file.
            "runs": [
                {
                    **{key: result[key] for key in ("method", "seed", "status", "last_step")},
                    **{
                        key: result["run"][key]
                        for key in ("config_sha256", "code", "device", "gpu", "gpu_uuid", "threads", "peak_memory_mib")
                    },
                    **{key: result["run"]["environment"][key] for key in ("commit", "dirty", "host", "cpu")},
                    "packages": result["run"]["environment"]["packages"],
                }
                for result in runs
            ],
        },
    )


if "snakemake" in globals():
    run(main, snakemake)
