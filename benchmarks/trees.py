"""The two states of the code that `make bench` compares, and how it runs a program on one of them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from unlearning.io.downloads import SOURCE_VARIABLE
from unlearning.io.files import ROOT

BASE = "62072cdfc6e5"  # the last commit before the work on the speed of whole runs
PARTS = (
    *("Snakefile", "config.yaml", "rules", "scripts", "schemas", "profiles", "envs", "report", "configs", "published"),
    "snakemake_logger_plugin_progress",
)
# Of what is measured: compiled modules are kept, the library is that of the tree, and no other data are used.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", SOURCE_VARIABLE)
}


def extract(commit: str, folder: Path) -> bool:
    """Write the files of a commit into a folder.

    Args:
        commit: Name of the commit.
        folder: An empty folder.

    Returns:
        Whether this clone has the commit. A shallow clone and a copy without Git have not.
    """
    archive = folder / "archive.tar"
    command = ["git", "archive", "--output", str(archive), commit]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    except FileNotFoundError:  # no Git
        return False
    if done.returncode:
        return False
    shutil.unpack_archive(archive, folder, filter="data")
    archive.unlink()
    return True


def copy_workflow(tree: Path, folder: Path) -> None:
    """Copy what a run needs, without compiled modules, and compile the modules as a first run would.

    Args:
        tree: Folder of the repository.
        folder: The copy; it may exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        source = tree / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "scripts"], cwd=folder, env=ENVIRONMENT, check=True)


def timed(command: list[str], folder: Path) -> dict[str, float]:
    """Run a Python module and measure its time.

    Args:
        command: Name of the module, and its arguments.
        folder: Where it runs.

    Returns:
        `seconds` by the clock, and `processor_seconds` of all processes.
    """
    clock = [sys.executable, str(Path(__file__).with_name("clock.py")), sys.executable, "-m", *command]
    return json.loads(_output(clock, folder, ENVIRONMENT))


def measured(module: str) -> dict[str, float]:
    """Run a benchmark of the working tree in a process of its own.

    Args:
        module: Name of the benchmark, which prints JSON.

    Returns:
        What the benchmark prints.
    """
    environment = ENVIRONMENT | {"PYTHONPATH": str(ROOT / "scripts")}
    return json.loads(_output([sys.executable, "-m", module], ROOT, environment))


def _output(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    """What a command prints; a RuntimeError ends with what a failed command printed last."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed in {folder}:\n{done.stderr[-2000:]}")
    return done.stdout
