"""Measure what the workflow itself costs: planning thousands of jobs, starting one, summing up many runs.

`make bench` runs it. Nothing is computed and nothing is left behind.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import yaml

from unlearning.strict_yaml import ROOT, read_yaml
from unlearning.summary import main_table, tidy

SCRIPTS = ("train", "unlearn", "evaluate", "aggregate", "draw_figure")  # one per kind of imports
REPETITIONS = 5


def plan(experiments: int, seeds: int, methods: int) -> dict:
    """Plan a run of so many experiments, in a copy of the workflow whose methods are all fine-tuning.

    Returns:
        Number of jobs, seconds until Snakemake has planned them, peak memory in MiB.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("Snakefile", "rules", "scripts", "schemas", "profiles", "envs", "report", "configs"):
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy / name)
        library = copy / "scripts" / "unlearning" / "methods"
        rows = [f"copy{number}" for number in range(methods)]
        for row in rows:
            shutil.copy(library / "finetune.py", library / f"{row}.py")
        configuration = read_yaml("configs/digits.yaml")
        configuration |= {"seeds": list(range(seeds)), "methods": {row: {} for row in rows}}
        names = [f"experiment{number}" for number in range(experiments)]
        for name in names:
            (copy / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(configuration))
        (copy / "config.yaml").write_text(yaml.safe_dump(read_yaml("config.yaml") | {"experiments": names}))
        return _dry_run(copy)


def _dry_run(copy: Path) -> dict:
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules"]
    started = time.perf_counter()
    process = psutil.Popen(command, cwd=copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    peak, jobs, seconds = 0, 0, 0.0
    for line in process.stdout:
        peak = max(peak, process.memory_info().rss)
        if match := re.match(r"total +(\d+)", line):
            jobs, seconds = int(match.group(1)), seconds or time.perf_counter() - started
    if process.wait():
        raise RuntimeError("the dry run failed; run it by hand")
    return {"jobs": jobs, "seconds": round(seconds, 1), "peak_mib": round(peak / 2**20)}


def start_up() -> dict:
    """Median seconds from the start of Python to the first line of each script, and to `import torch` alone."""
    statements = {"torch": "import torch", **{name: f"import {name}" for name in SCRIPTS}}
    times = {name: [] for name in statements}
    for _ in range(REPETITIONS):
        for name, statement in statements.items():  # in turn, for the machine's speed changes
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], cwd=ROOT / "scripts", check=True)
            times[name].append(time.perf_counter() - started)
    return {name: round(statistics.median(values), 2) for name, values in times.items()}


def summarise(runs: int) -> float:
    """Seconds to make the tidy and the main table of so many made-up runs of one experiment."""
    described = {f"metric{number}": {"label": f"m{number}", "unit": ""} for number in range(20)}
    results = [
        {
            "experiment": "made_up",
            "method": f"method{number % 25}" if number >= 20 else ("original", "retrain")[number % 2],
            "seed": number // 25,
            "status": "finished",
            "last_step": 100,
            "metrics": {name: {"value": float(number), "low": None, "high": None} for name in described},
            "class_counts": [1] * 10,
            "run": {"config_sha256": "", "environment": {"commit": ""}},
            "metrics_sha256": "",
        }
        for number in range(runs)
    ]
    started = time.perf_counter()
    main_table(tidy(results, described, [str(number) for number in range(10)]), described)
    return time.perf_counter() - started


def main() -> None:
    """Print the measurements as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("experiments", 20), ("seeds", 10), ("methods", 25)):
        parser.add_argument(f"--{name}", type=int, default=default)
    sizes = vars(parser.parse_args())
    summarise(250)  # the first time imports and compiles
    measured = {
        "plan": sizes | plan(**sizes),
        "summary_seconds_by_runs": {runs: round(summarise(runs), 2) for runs in (250, 1000, 4000)},
        "start_up_seconds": start_up(),
    }
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
