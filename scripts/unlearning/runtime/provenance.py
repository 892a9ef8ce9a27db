"""Where a number comes from: code, packages, machine."""

import os
import platform
import re
import shlex
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from unlearning.io.files import ROOT, sha256_of, sha256_of_file

COMMAND = "UNLEARNING_COMMAND"  # environment variable
PACKAGES = (
    *("snakemake", "torch", "torchvision", "transformers", "diffusers", "numpy", "scipy", "pandas", "pillow"),
    *("seaborn", "scikit-learn", "scikit-image", "pytorch-fid", "pytorch-msssim", "safetensors"),
)


def environment() -> dict:
    """Describe the code, the packages and the machine of this process.

    Returns:
        Commit and dirty flag (see `git_state`), versions of Python and packages, platform, host, CPU and number of
        cores.
    """
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
    """Tell the jobs of this process, by the environment, which command started it."""
    os.environ[COMMAND] = shlex.join(arguments)


def command() -> str | None:
    """Return the command that started the workflow; None in a job that was started by hand."""
    return os.environ.get(COMMAND)


def git_state() -> dict:
    """Describe the version of this repository's code.

    Returns:
        `commit` and `dirty` (whether a file was changed since). Both are None where this repository is no Git checkout,
        even where it lies inside another one.
    """
    try:
        if ROOT.samefile(_git("rev-parse", "--show-toplevel")):
            return {"commit": _git("rev-parse", "HEAD"), "dirty": bool(_git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        pass
    return {"commit": None, "dirty": None}


def why_no_commit() -> str | None:
    """Say why results name no commit of the code; None where they name one."""
    if git_state()["commit"]:
        return None
    try:
        top = _git("rev-parse", "--show-toplevel")
    except OSError:
        return "the program git was not found"
    except subprocess.CalledProcessError as error:
        return error.stderr.strip()
    return "the repository has no commit" if ROOT.samefile(top) else f"the Git repository {top} is another one"


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else ""
    model = re.search(r"model name\s*:(.*)", text)
    return model.group(1).strip() if model else platform.processor()


def run_record(*, settings: dict, code: str, inputs: dict[str, Path]) -> dict:
    """Describe where a result comes from.

    Args:
        settings: settings of the run.
        code: hash of the code, see `code_hash`.
        inputs: files that the job reads, by name.

    Returns:
        The settings and their hash, the hashes of code and inputs, the environment, and the time (UTC) at which the job
        started.
    """
    return {
        "settings": settings,
        "config_sha256": sha256_of(settings),
        "code": code,
        "inputs_sha256": {name: sha256_of_file(path) for name, path in inputs.items()},
        "environment": environment(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
