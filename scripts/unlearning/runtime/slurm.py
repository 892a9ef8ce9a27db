"""What to ask of SLURM before jobs are sent there. Snakemake's executor plugin does the sending."""

import getpass
import logging
import subprocess
import time
from pathlib import Path

logger = logging.getLogger(__name__)


def check_submission(account: str | None, partition: str | None, qos: str | None) -> None:
    """Ask SLURM whether it would take a job.

    Raises:
        ValueError: it would not; the message says what SLURM says, and what there is to choose from.
    """
    options = {"account": account, "partition": partition, "qos": qos}
    given = [f"--{name}={value}" for name, value in options.items() if value]
    asked = _run("sbatch", "--test-only", *given, "--wrap=true")
    if asked.returncode:
        user = f"user={getpass.getuser()}"
        associations = _lines("sacctmgr", "--noheader", "--parsable2", "show", "assoc", user, "format=account,qos")
        partitions = ", ".join(_lines("sinfo", "--noheader", "--format=%R"))
        accounts = ", ".join(line.replace("|", " (QOS ") + ")" for line in associations if "|" in line)
        raise ValueError(
            f"SLURM would refuse every job, asked with {' '.join(given) or 'no account, partition or QOS'}: "
            f"{' '.join(asked.stderr.split())}\n"
            "profiles/slurm/config.yaml: set slurm_account and slurm_partition under default-resources, and slurm-qos; "
            f"your accounts: {accounts or 'none known'}; partitions: {partitions or 'none known'}"
        )


def has_gpus() -> bool:
    """Whether the cluster offers GPUs."""
    return any("gpu" in line for line in _lines("sinfo", "--noheader", "--format=%G"))


def cancel_orphans(directory: Path, prefix: str, patience: float = 120) -> list[str]:
    """Cancel the jobs of a Snakemake that was killed in this directory, and wait until they have ended.

    They are asked to stop, save their state, and go on in the new run. Only to be called while no other
    Snakemake can work in the directory.

    Args:
        directory: that Snakemake was started in.
        prefix: of the names of its jobs, as the profile gives it to the executor plugin.
        patience: seconds to wait for their end.

    Returns:
        Their job numbers.
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
    """Jobs of ours, queued or running, that were sent from a directory."""
    listed = (line.split("|", 2) for line in _lines("squeue", "--me", "--noheader", "--format=%A|%j|%Z"))
    return sorted(
        {number for number, name, place in listed if name.startswith(f"{prefix}_") and Path(place) == directory}
    )


def _lines(*command: str) -> list[str]:
    """What a command prints; nothing where it fails or does not exist."""
    return _run(*command).stdout.split("\n")[:-1]


def _run(*command: str) -> subprocess.CompletedProcess:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
