"""How a script runs as a Snakemake job: its arguments, its log file, its end."""

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from inspect import signature
from pathlib import Path

import psutil

from unlearning.runtime import basis, stop

GRACE = 5  # seconds that an orphan has to save its state
SNAKEMAKE_VARIABLE = "UNLEARNING_SNAKEMAKE"  # number and start of the Snakemake process that starts jobs


def run(main: Callable, snakemake) -> None:
    """Call `main` with the inputs, outputs, params and wildcards of its rule.

    Inputs and outputs become paths; a list of files becomes a list of paths, an empty list None. A wildcard of digits
    becomes a number. A param or wildcard that `main` does not take is left out: the hash of the code is a param only
    so that the job runs again. An input or output that `main` does not take is a TypeError, and so is an argument of
    `main` that the rule does not have.

    Args:
        main: the script's function; all arguments by keyword.
        snakemake: the object that Snakemake puts into a script.
    """
    _write_everything_to(Path(snakemake.log[0]))
    end_with_parents()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    files = {name: _paths(value) for part in (snakemake.input, snakemake.output) for name, value in part.items()}
    files.pop("basis", None)  # an input of the job, but of no script
    wildcards = {name: int(value) if value.isdigit() else value for name, value in snakemake.wildcards.items()}
    others = {**dict(snakemake.params.items()), **wildcards}
    arguments = {name: value for name, value in others.items() if name in signature(main).parameters}
    job = (
        snakemake.rule,
        _inputs(snakemake),
        [Path(path) for path in snakemake.output],
        dict(snakemake.params.items()),
    )
    basis.check_inputs(job[1].values())
    if basis.restore(*job):
        logging.info("params, code and inputs are those of before: the outputs are taken from before")
        return
    main(**files, **arguments)
    basis.state(*job)


def _inputs(snakemake) -> dict[str, Path]:
    """The input files by name, those of a list by name and number."""
    files = {name: _paths(value) for name, value in snakemake.input.items() if name != "basis"}
    lists = {name: value if isinstance(value, list) else [value] for name, value in files.items() if value}
    return {f"{name}.{number}": path for name, value in lists.items() for number, path in enumerate(value)}


def _paths(value) -> Path | list[Path] | None:
    if isinstance(value, str):
        return Path(value)
    return [Path(item) for item in value] or None


def _write_everything_to(log: Path) -> None:
    # The file descriptors, not sys.stdout: child processes and C libraries write to them too.
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)


def name_snakemake() -> None:
    """Let the jobs of this process, which is Snakemake's, know which process waits for them."""
    os.environ[SNAKEMAKE_VARIABLE] = f"{os.getpid()} {_start_of(os.getpid())}"


def end_with_parents() -> None:
    """End this process soon after its parent ended, or after the Snakemake process that waits for it was killed.

    Otherwise the orphan would compute beside the job that the next Snakemake starts. Snakemake is watched itself, for
    the parent may be a shell that survives it. What started Snakemake is not watched: a user may start it in the
    background and close the terminal.
    """
    parent = psutil.Process().parent()

    def watch() -> None:
        while _snakemake_runs() and parent.is_running():
            time.sleep(0.5)
        stop.requested.set()
        time.sleep(GRACE)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _snakemake_runs() -> bool:
    """Whether the process that `name_snakemake` named still runs; True if none was named."""
    if not (named := os.environ.get(SNAKEMAKE_VARIABLE)):
        return True
    number, started = named.split()
    return _start_of(int(number)) == started


def _start_of(number: int) -> str | None:
    """When a process started; None if the process has ended, even if nobody has asked for its exit status."""
    try:
        process = psutil.Process(number)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        if not Path("/proc/self/stat").exists():
            return str(process.create_time())
        # Since the machine started: a change of the clock does not change this number.
        return Path(f"/proc/{number}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    except (psutil.NoSuchProcess, OSError):
        return None
