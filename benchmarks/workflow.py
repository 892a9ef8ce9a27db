"""Measure what the workflow itself costs: a whole experiment, a run with nothing to do, planning, an empty job.

The planning of many jobs is measured without results. Empty files cannot stand for them: each result states what it
rests on, and jobs compare.

`benchmarks.table` calls these functions for two trees in turn.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.trees import ENVIRONMENT, copy_workflow, timed
from unlearning.config.strict_yaml import read_yaml
from unlearning.io.files import write_json

SNAKEMAKE = ["snakemake", "--logger", "progress"]  # as the Makefile calls it
EMPTY_JOBS = """
rule all:
    input:
        [f"{number}.txt" for number in range(int(config["jobs"]))],


rule empty:
    output:
        "{number}.txt",
    script:
        "empty.py"
"""


class Run:
    """The experiment `digits` in a copy of a tree.

    Args:
        tree: Folder of the repository.
        folder: The copy, which must not exist yet.
        changes: Top-level keys of the experiment that have other values, such as `seeds`.
    """

    def __init__(self, tree: Path, folder: Path, changes: dict):
        self._folder = folder
        copy_workflow(tree, folder)
        write_json(folder / "configs" / "digits.yaml", read_yaml("configs/digits.yaml", tree) | changes)  # JSON is YAML
        write_json(folder / "config.yaml", read_yaml("config.yaml", tree) | {"experiments": ["digits"]})

    def make(self) -> dict[str, float]:
        """Run what is missing; see `timed`."""
        return timed(SNAKEMAKE, self._folder)

    def make_after_touch(self) -> dict[str, float]:
        """Touch every file of the copy, then run what is missing; see `timed`."""
        for path in self._folder.rglob("*"):
            if path.is_file():
                path.touch()
        return timed(SNAKEMAKE, self._folder)

    def report(self) -> dict[str, float]:
        """Make the HTML report; see `timed`."""
        return timed(["snakemake", "--report", "results/report.html"], self._folder)


def empty_job(count: int) -> dict[str, float]:
    """Measure a job whose script only writes an empty file, in a workflow that has nothing else.

    Args:
        count: Number of jobs.

    Returns:
        Seconds of one job as `timed` names them: the difference between `count + 1` jobs and one job, by `count`.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "Snakefile").write_text(EMPTY_JOBS, encoding="utf-8")
        (folder / "empty.py").write_text("open(snakemake.output[0], 'w').close()\n", encoding="utf-8")
        command = ["snakemake", "--cores", "1", "--quiet", "all", "--config"]
        one = timed([*command, "jobs=1"], folder)
        all_jobs = timed([*command, f"jobs={count + 1}", "--forceall"], folder)
    return {key: (seconds - one[key]) / count for key, seconds in all_jobs.items()}


def plan(tree: Path, experiments: int, seeds: int, methods: int) -> dict[str, float]:
    """Plan a run in a copy of the workflow whose methods are all fine-tuning.

    Args:
        tree: folder of the repository.
        experiments: number of experiments.
        seeds: number of seeds of each.
        methods: number of methods of each.

    Returns:
        Number of `jobs`, `seconds` until Snakemake has planned them, and its peak memory `peak_mib`.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        copy_workflow(tree, copy)
        plugins = copy / "scripts" / "unlearning" / "methods"
        rows = [f"copy{number}" for number in range(methods)]
        for row in rows:
            shutil.copy(plugins / "finetune.py", plugins / f"{row}.py")
        configuration = read_yaml("configs/digits.yaml", tree)
        configuration |= {"seeds": list(range(seeds)), "methods": {row: {} for row in rows}}
        names = [f"experiment{number}" for number in range(experiments)]
        for name in names:
            write_json(copy / "configs" / f"{name}.yaml", configuration)  # JSON is YAML
        settings = read_yaml("config.yaml", tree) | {"experiments": names}
        write_json(copy / "config.yaml", settings)
        return _dry_run(copy)


def _dry_run(copy: Path) -> dict:
    """Plan the jobs of a copy of the workflow; see `plan`."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "rules"]
    start = time.perf_counter()
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    process = psutil.Popen(command, cwd=copy, env=ENVIRONMENT, **output)
    peak, jobs, seconds = 0, 0, 0.0
    for line in process.stdout:
        peak = max(peak, process.memory_info().rss)
        if match := re.match(r"total +(\d+)", line):
            jobs, seconds = int(match.group(1)), seconds or time.perf_counter() - start
    seconds = seconds or time.perf_counter() - start
    if process.wait():
        raise RuntimeError("the dry run failed; run it by hand")
    return {"jobs": jobs, "seconds": round(seconds, 1), "peak_mib": round(peak / 2**20)}
