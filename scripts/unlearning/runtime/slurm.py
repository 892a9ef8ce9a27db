"""Questions to SLURM before jobs are submitted; Snakemake's executor plugin submits them."""

import getpass
import logging
import shutil
import subprocess
import time
from pathlib import Path

logger = logging.getLogger(__name__)


def check_submission(account: str | None, partition: str | None, qos: str | None) -> None:
    """Ask SLURM whether it would accept a job.

    Args:
        account: account of the job; None for the user's default.
        partition: partition of the job; None for the cluster's default.
        qos: quality of service of the job; None for the account's default.

    Raises:
        ValueError: there is no SLURM here, or SLURM would refuse the job. The message says why, and which accounts and
            partitions there are.
    """
    if shutil.which("sbatch") is None:
        raise ValueError(
            "there is no sbatch on this machine: start Snakemake on a login node of the cluster, or without "
            "`--workflow-profile profiles/slurm`"
        )
    options = {"account": account, "partition": partition, "qos": qos}
    arguments = [f"--{name}={value}" for name, value in options.items() if value]
    answer = _run("sbatch", "--test-only", *arguments, "--wrap=true")
    if answer.returncode:
        user = f"user={getpass.getuser()}"
        associations = _lines("sacctmgr", "--noheader", "--parsable2", "show", "assoc", user, "format=account,qos")
        partitions = ", ".join(_lines("sinfo", "--noheader", "--format=%R"))
        accounts = ", ".join(line.replace("|", " (QOS ") + ")" for line in associations if "|" in line)
        raise ValueError(
            f"SLURM would refuse every job, asked with {' '.join(arguments) or 'no account, partition or QOS'}: "
            f"{' '.join(answer.stderr.split())}\n"
            "profiles/slurm/config.yaml: set slurm_account and slurm_partition under default-resources, and slurm-qos; "
            f"your accounts: {accounts or 'none known'}; partitions: {partitions or 'none known'}"
        )


def has_gpus() -> bool:
    """Tell whether the cluster offers GPUs."""
    return any("gpu" in line for line in _lines("sinfo", "--noheader", "--format=%G"))


def cancel_orphans(directory: Path, prefix: str, patience: float = 120) -> list[str]:
    """Cancel the jobs of a Snakemake that was killed in this directory, and wait until they have ended.

    A cancelled job saves its state, from which the new run resumes. Call this function only while no other Snakemake
    can work in the directory.

    Args:
        directory: directory in which that Snakemake was started.
        prefix: prefix of the names of its jobs, as the profile gives it to the executor plugin.
        patience: seconds to wait for the end of the jobs.

    Returns:
        Numbers of the jobs.
    """
    orphans = _jobs(directory, prefix)
    if orphans:
        logger.warning("cancelling %d SLURM jobs of a Snakemake that was killed here", len(orphans))
        _run("scancel", *orphans)
        deadline = time.monotonic() + patience
        while _jobs(directory, prefix) and time.monotonic() < deadline:
            time.sleep(1)
    return orphans


def _jobs(directory: Path, prefix: str) -> list[str]:
    """List the user's jobs, waiting or running, that were submitted from a directory."""
    jobs = (line.split("|", 2) for line in _lines("squeue", "--me", "--noheader", "--format=%A|%j|%Z"))
    return sorted(
        {number for number, name, folder in jobs if name.startswith(f"{prefix}_") and Path(folder) == directory}
    )


def _lines(*command: str) -> list[str]:
    """Run a command and return the lines that it prints; none where it fails or does not exist."""
    return _run(*command).stdout.split("\n")[:-1]


def _run(*command: str) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
