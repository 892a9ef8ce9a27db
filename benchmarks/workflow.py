"""Measure what the workflow itself costs: planning thousands of jobs, starting a job, tables of many runs.

`make bench` runs this file. No model is trained.
"""

import argparse
import base64
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import psutil

from unlearning.config.load import load_experiment, load_settings
from unlearning.config.strict_yaml import read_yaml
from unlearning.figures import normalised
from unlearning.io.files import ROOT, write_json
from unlearning.reporting.results import Results
from unlearning.reporting.summary import main_table, tidy

SCRIPTS = ("train", "unlearn", "evaluate", "aggregate", "draw_figure")  # they import different packages
REPETITIONS = 5
JUDGE = {
    "heldout_accuracy": 1,
    "heldout_accuracy_by_network": [1],
    "heldout_images": 1,
    "confusion_true_by_predicted": [[1]],
}
FORGET_SET = {"forget": [0], "retain": [1], "forgotten_classes": [0]}


def plan(experiments: int, seeds: int, methods: int) -> dict[str, dict]:
    """Plan a run in a copy of the workflow whose methods are all fine-tuning.

    Args:
        experiments: number of experiments.
        seeds: number of seeds of each.
        methods: number of methods of each.

    Returns:
        Number of jobs, seconds until Snakemake has planned them, and peak memory in MiB: of a `first` run, and of
        the one `again` after it, which has no job.

    Raises:
        RuntimeError: the second run has jobs.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("Snakefile", "rules", "scripts", "schemas", "profiles", "envs", "report", "configs", "published"):
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        plugins = copy / "scripts" / "unlearning" / "methods"
        rows = [f"copy{number}" for number in range(methods)]
        for row in rows:
            shutil.copy(plugins / "finetune.py", plugins / f"{row}.py")
        configuration = read_yaml("configs/digits.yaml")
        configuration |= {"seeds": list(range(seeds)), "methods": {row: {} for row in rows}}
        names = [f"experiment{number}" for number in range(experiments)]
        for name in names:
            write_json(copy / "configs" / f"{name}.yaml", configuration)  # JSON is YAML
        settings = read_yaml("config.yaml") | {"experiments": names}
        write_json(copy / "config.yaml", settings)
        first = _dry_run(copy)
        _fake_results(copy, names)
        again = _dry_run(copy)
        if again["jobs"]:
            raise RuntimeError(f"{again['jobs']} jobs would run again")
        return {"first": first, "again": again}


def _fake_results(copy: Path, names: list[str]) -> None:
    """Make empty results of the first experiment, and copy them with Snakemake's metadata of finished jobs."""
    snakemake = [sys.executable, "-m", "snakemake", "--config", f"experiments=[{names[0]}]"]
    summary = subprocess.run([*snakemake, "--summary"], cwd=copy, check=True, capture_output=True, text=True).stdout
    for line in summary.splitlines()[1:]:
        file = copy / line.split("\t")[0]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    subprocess.run([*snakemake, "--touch", "--quiet", "all"], cwd=copy, check=True, capture_output=True)
    metadata = copy / ".snakemake" / "metadata"
    records = {base64.urlsafe_b64decode(file.name).decode(): file.read_text("utf-8") for file in metadata.iterdir()}
    for name in names[1:]:
        shutil.copytree(copy / "results" / names[0], copy / "results" / name)
        for path, record in records.items():
            if names[0] in path:
                encoded = base64.urlsafe_b64encode(path.replace(names[0], name).encode()).decode()
                (metadata / encoded).write_text(record.replace(names[0], name), encoding="utf-8")


def _dry_run(copy: Path) -> dict:
    """Plan the jobs of a copy of the workflow; see `plan`."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules"]
    start = time.perf_counter()
    process = psutil.Popen(command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    peak, jobs, seconds = 0, 0, 0.0
    for line in process.stdout:
        peak = max(peak, process.memory_info().rss)
        if match := re.match(r"total +(\d+)", line):
            jobs, seconds = int(match.group(1)), seconds or time.perf_counter() - start
    seconds = seconds or time.perf_counter() - start
    if process.wait():
        raise RuntimeError("the dry run failed; run it by hand")
    return {"jobs": jobs, "seconds": round(seconds, 1), "peak_mib": round(peak / 2**20)}


def start_up() -> dict:
    """Measure the median seconds of a Python process that only imports a script, and of one that only imports torch."""
    statements = {"torch": "import torch", **{name: f"import {name}" for name in SCRIPTS}}
    times = {name: [] for name in statements}
    for _ in range(REPETITIONS):
        for name, statement in statements.items():  # in turn, because the speed of the machine changes
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], cwd=ROOT / "scripts", check=True)
            times[name].append(time.perf_counter() - start)
    return {name: round(statistics.median(values), 2) for name, values in times.items()}


def summarise(runs: int) -> dict[str, float]:
    """Measure tables and a figure of made-up runs.

    Args:
        runs: number of runs.

    Returns:
        Seconds to make the tables, and to draw a figure of all runs.
    """
    experiment = load_experiment("digits")
    methods = ["original", "retrain", *(f"method{number}" for number in range(23))]
    experiment["methods"] = {method: {} for method in methods[2:]}
    results = Results(experiment, Path(), pd.DataFrame(), JUDGE, None, FORGET_SET)
    descriptions = results.descriptions
    content = [
        {
            "experiment": "made_up",
            "method": methods[number % 25],
            "seed": number // 25,
            "status": "finished",
            "last_step": 100,
            "metrics": {name: {"value": float(number % 25), "low": None, "high": None} for name in descriptions},
            "class_counts": [[1] * 10],
            "run": {"config_sha256": "", "environment": {"commit": ""}},
            "metrics_sha256": "",
        }
        for number in range(runs)
    ]
    start = time.perf_counter()
    table = tidy(content, descriptions, results.classes)
    main_table(table, descriptions)
    tables = time.perf_counter() - start
    start = time.perf_counter()
    figure, _ = normalised.draw(replace(results, metrics=table))
    figure.savefig(os.devnull, format="pdf")
    return {"tables": round(tables, 2), "figure": round(time.perf_counter() - start, 2)}


def main() -> None:
    """Print the measurements as JSON, and write them into the folder of results."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("experiments", 20), ("seeds", 10), ("methods", 25)):
        parser.add_argument(f"--{name}", type=int, default=default)
    sizes = vars(parser.parse_args())
    summarise(250)  # the first call imports and compiles
    measurements = {
        "plan": sizes | plan(**sizes),
        "summary_seconds_by_runs": {runs: summarise(runs) for runs in (250, 1000, 4000)},
        "start_up_seconds": start_up(),
    }
    print(json.dumps(measurements, indent=2))
    write_json(Path(load_settings({})["results"]) / "benchmark_workflow.json", measurements)


if __name__ == "__main__":
    main()
