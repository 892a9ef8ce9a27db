"""Copies of the repository in which the workflow is really run, and what must be the same in their results."""

import csv
import json
import multiprocessing
import os
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CLOCKED = ("seconds", "ms_per_step", "ratio", "memory")  # what differs from run to run
FEW_BATCHES = 4
UNO = {"orthogonality_weight": 1e3}
# Settings of a short experiment on one given original.
OF_ONE_ORIGINAL = {
    "seeds": [0],
    "references": ["original"],
    "unlearning__steps": 2,
    "unlearning__measure": [{"until": 2, "every": 2}],
    "judge__epochs": 1,
    "judge__networks": 1,
    "evaluation": {"samples": 200, "metrics": ["forget_fraction", "fid"]},
    "training": ...,
    "figures": ["samples"],
}
METHODS = {"finetune": {}, "ascent": {"learning_rate": 1e30}, "uno": UNO}
FIGURES = yaml.safe_load((ROOT / "configs" / "digits.yaml").read_text())["figures"]


def set_key(settings, path, value):
    """Set the value at a path of nested keys, or delete the last key if the value is ..."""
    *parents, last = path
    for part in parents:
        settings = settings[part]
    if value is ...:
        del settings[last]
    else:
        settings[last] = value


@dataclass
class Clone:
    """A copy of the repository that the workflow is run in."""

    path: Path
    changes: dict | None = None

    @classmethod
    def make(cls, path):
        """Copy what Git would: tracked files, and new ones that are not ignored."""
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, path / name)
        return cls(path)

    def with_packages(self):
        """Make `.venv` of the packages of this environment, so that `make` installs nothing."""
        environment = self.path / ".venv"
        (environment / "bin").mkdir(parents=True)
        (environment / "bin" / "python").symlink_to(Path(sys.executable).resolve())
        (environment / "lib").symlink_to(Path(sys.prefix, "lib").resolve())
        shutil.copy(Path(sys.prefix, "pyvenv.cfg"), environment)
        pinned = (self.path / "requirements.txt", self.path / "constraints.txt")
        (environment / "installed").write_text("".join(path.read_text() for path in pinned))
        return self

    def write_experiment(self, name="tiny", base="digits", **changes):
        """Write `configs/{name}.yaml`, another one made small, and let config.yaml name it alone.

        Args:
            name: of the experiment.
            base: the experiment to make smaller.
            changes: keys to set, or to delete where the value is ...; nested ones with a double underscore.
        """
        self.changes = changes
        experiment = yaml.load((ROOT / "configs" / f"{base}.yaml").read_text(), Loader=_Loader)
        standard = {
            "seeds": [0, 1],
            "training__epochs": 3,
            "judge__epochs": 5,
            "judge__networks": 2,
            "unlearning__steps": 10,
            "unlearning__samples": 200,
            "unlearning__measure": [{"until": 10, "every": 5}],
            "evaluation__samples": 200,
            "evaluation__elbo_draws": 2,
            "methods": METHODS,
        }
        fitting = {key: value for key, value in standard.items() if key.split("__")[0] in experiment}
        for key, value in (fitting | changes).items():
            set_key(experiment, key.split("__"), value)
        (self.path / "configs" / f"{name}.yaml").write_text(yaml.safe_dump(experiment, sort_keys=False))
        settings = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"experiments": [name]}
        (self.path / "config.yaml").write_text(yaml.safe_dump(settings))

    def estimate_statistics_of_few_images(self):
        """Where images are large, the running statistics of 50 batches would take most of a small run's time."""
        self.replace("scripts/unlearning/networks/running_statistics.py", "BATCHES = 50", f"BATCHES = {FEW_BATCHES}")

    def command(self, *arguments):
        return [sys.executable, "-m", "snakemake", *arguments]

    def snakemake(self, *arguments, cwd=None):
        """Run Snakemake to its end, in a copy of a process that has imported Snakemake: half of a plan is imports."""
        with tempfile.TemporaryDirectory() as folder:
            outputs = [Path(folder, name) for name in ("stdout", "stderr")]
            call = (arguments, str(cwd or self.path), dict(os.environ), outputs)
            process = _FORKS.Process(target=_call_snakemake, args=call)
            process.start()
            process.join()
            texts = [path.read_text(encoding="utf-8") for path in outputs]
            return subprocess.CompletedProcess(self.command(*arguments), process.exitcode, *texts)

    def run(self, *arguments):
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def made(self):
        """The files in data/ and results/ that jobs wrote; not what a plan asks of jobs."""
        files = [path for folder in ("data", "results") for path in (self.path / folder).rglob("*") if path.is_file()]
        return [path for path in files if ".basis" not in path.parts and path.name not in ("README.md", ".alive.lock")]

    def pending(self, *arguments, cwd=None):
        """How many jobs of each rule a run would execute; empty if there is nothing to be done."""
        done = self.snakemake("--dry-run", *arguments, cwd=cwd)
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        if "Nothing to be done" in output:
            return {}
        stats = output.rsplit("Job stats:", 1)[1].split("total", 1)[0]
        return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", stats, re.M) if rule != "all"}

    def replace(self, file, old, new):
        path = self.path / file
        assert old in path.read_text(), (file, old)
        path.write_text(path.read_text().replace(old, new))


_FORKS = multiprocessing.get_context("forkserver")
_OF_SNAKEMAKE = ("snakemake.cli", "snakemake.report", "pytest", "jsonschema", "ruamel.yaml", "PIL.Image")
_OF_JOBS = ("torch", "torchvision", "pandas", "scipy.stats", "seaborn", "safetensors.torch", "sklearn.datasets")
_FORKS.set_forkserver_preload([*_OF_SNAKEMAKE, *_OF_JOBS])
# Starting a process asks all others whether they have ended. The status of one that has can be read only once.
_ONE_AT_A_TIME = threading.Lock()


def _call_snakemake(arguments, *place):
    _enter(*place)
    sys.argv = ["snakemake", *arguments]
    from snakemake.cli import main
    from snakemake.script import PythonScript

    def execute_script(script, file, edit=False):
        """Run a job as Snakemake does, but in a copy of a process that has imported torch: half of a job is imports."""
        environment = os.environ | {"OMP_NUM_THREADS": str(script.threads)}
        process = _FORKS.Process(target=_call_script, args=(file, Path.cwd(), environment, place[-1]))
        with _ONE_AT_A_TIME:
            process.start()
        while _is_running(process):
            time.sleep(0.02)
        if process.exitcode:
            raise subprocess.CalledProcessError(process.exitcode, file)

    PythonScript.execute_script = execute_script
    main()


def _is_running(process):
    with _ONE_AT_A_TIME:
        return process.exitcode is None


def _call_script(file, *place):
    _enter(*place)
    sys.path.insert(0, str(Path(file).parent))
    runpy.run_path(file, run_name="__main__")


def _enter(folder, environment, outputs):
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    sys.dont_write_bytecode = False
    sys.path = [path for path in sys.path if Path(path) != ROOT / "scripts"]  # the clone has scripts of its own


class _Loader(yaml.SafeLoader):
    """The project's own reader is under test: this one only knows 1e-3 for a number as well."""


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^\d+(\.\d+)?[eE][-+]?\d+$"), list("0123456789"))


def results_of(metrics):
    """The values of a `metrics.json`."""
    values = json.loads(metrics.read_text())["metrics"]
    return {name: value for name, value in values.items() if not any(word in name for word in CLOCKED)}


def trajectory(folder):
    """The rows of a run's `steps.csv`."""
    with (folder / "steps.csv").open() as file:
        return [{key: value for key, value in row.items() if "seconds" not in key} for row in csv.DictReader(file)]
