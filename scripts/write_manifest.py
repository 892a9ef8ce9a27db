"""Record where the results of an experiment come from."""

import json
from pathlib import Path

from unlearning.files import sha256_of, write_json
from unlearning.job import run
from unlearning.provenance import command, environment


def main(
    *,
    experiment: str,
    configuration: dict,
    code: str,
    results: list[Path],
    dataset: Path,
    forget_set: Path,
    accuracy: Path,
    manifest: Path,
) -> None:
    """Gather what the single runs wrote down about themselves.

    Args:
        experiment: name of the experiment.
        configuration: the whole configuration of the experiment.
        code: hash of the code that runs.
        results: `metrics.json` of every run.
        dataset: manifest of the prepared data set.
        forget_set: as selected.
        accuracy: of the judge.
        manifest: JSON file.
    """
    runs = [json.loads(path.read_text()) for path in results]
    data = json.loads(dataset.read_text())
    chosen = json.loads(forget_set.read_text())
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
                "images": {
                    group: len(chosen[group]) for group in ("forget", "retain", "heldout_forget", "heldout_retain")
                },
            },
            "judge": json.loads(accuracy.read_text()),
            # A result is reused until its cause changes, so runs may be older than this file.
            "runs": [
                {
                    **{key: result[key] for key in ("method", "seed", "status", "last_step")},
                    **{key: result["run"][key] for key in ("config_sha256", "code", "device", "gpu", "threads")},
                    **{key: result["run"]["environment"][key] for key in ("commit", "dirty", "host", "cpu")},
                    "packages": result["run"]["environment"]["packages"],
                }
                for result in runs
            ],
        },
    )


if "snakemake" in globals():
    run(main, snakemake)
