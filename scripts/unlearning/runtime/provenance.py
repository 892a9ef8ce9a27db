"""Where a number comes from: code, packages, machine."""

import os
import platform
import shlex
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from unlearning.io.files import ROOT, sha256_of, sha256_of_file

COMMAND = "UNLEARNING_COMMAND"
PACKAGES = (
    "snakemake",
    "torch",
    "torchvision",
    "transformers",
    "diffusers",
    "numpy",
    "scipy",
    "pandas",
    "pillow",
    "seaborn",
    "scikit-learn",
    "scikit-image",
    "pytorch-fid",
    "pytorch-msssim",
    "safetensors",
)


def environment() -> dict:
    """Commit and dirty flag, package versions and hardware of this process; all strings or numbers."""
    return {
        **git_state(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "host": platform.node(),
        "cpu": _cpu(),
        "cores": os.cpu_count(),
    }


def remember_command(arguments: list[str]) -> None:
    """Let the jobs that this process starts know the command that started it."""
    os.environ[COMMAND] = shlex.join(arguments)


def command() -> str | None:
    """The command that started the workflow; None in a job that was started by hand."""
    return os.environ.get(COMMAND)


def git_state() -> dict:
    """The commit of the code and whether it was changed since; both None outside a Git checkout."""
    try:
        commit = _git("rev-parse", "HEAD")
        return {"commit": commit, "dirty": bool(_git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = [line for line in cpuinfo.read_text().splitlines() if "model name" in line] if cpuinfo.exists() else []
    return names[0].split(":", 1)[1].strip() if names else platform.processor()


def run_record(*, settings: dict, code: str, inputs: dict[str, Path]) -> dict:
    """What a result must say about where it comes from: settings, code, inputs, machine and when its job started."""
    return {
        "settings": settings,
        "config_sha256": sha256_of(settings),
        "code": code,
        "inputs_sha256": {name: sha256_of_file(path) for name, path in inputs.items()},
        "environment": environment(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
