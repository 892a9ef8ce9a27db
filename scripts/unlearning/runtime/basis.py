"""What a result rests on: the params, the code and the input files that made it.

Snakemake remembers the params of a job in the folder `.snakemake` of one working directory. When this folder is
deleted, or when two clones share results or data, Snakemake does not notice that a setting has changed. Therefore every
job leaves a *statement* beside its outputs. Before Snakemake plans a run, `request` compares the statements with the
configuration.

The folder `.basis/{rule}.{output}` beside the first output of a job holds

* `request.json`, the params that the configuration asks for now. The file is an input of the job;
* `statement.json`, the params that made the outputs, the SHA-256 of every input and output, and the job's cost;
* `kept/`, hard links to the outputs. A job whose params and inputs are the same as before takes its outputs from here.
  Nothing that follows an unchanged output is computed again.

Each job has a folder of its own: Snakemake (9.27) lists a folder once, and misses files that come into it later.

Nothing in this module imports torch.
"""

import os
import resource
import shutil
import sys
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from unlearning.io.files import broken_link, read_json, sha256_of, sha256_of_file, write_json

CHECKED_WITH = "checked_with"  # a param by which a job only checks: it changes no output
COMPUTE_AGAIN = "UNLEARNING_COMPUTE_AGAIN"  # environment variable: set while a user forces jobs to run
STARTED = time.time()  # one time for all outputs that a run finds valid, so that none is newer than another
_hashes = {}  # of files, by path and state


@dataclass(frozen=True)
class Basis:
    """The files that say what one job's outputs rest on.

    Attributes:
        request: JSON file with the params that the configuration asks for.
        statement: JSON file with the params, inputs and outputs of the job that ran.
        kept: folder with hard links to the outputs.
    """

    request: Path
    statement: Path
    kept: Path

    @classmethod
    def of(cls, rule: str, first_output: Path) -> "Basis":
        """The files of the job of a rule that has this first output."""
        folder = first_output.parent / ".basis" / f"{rule}.{first_output.name}"
        return cls(folder / "request.json", folder / "statement.json", folder / "kept")

    def forget(self) -> None:
        """Delete the statement and the kept outputs, so that the job computes its outputs again."""
        self.statement.unlink(missing_ok=True)
        shutil.rmtree(self.kept, ignore_errors=True)


def request(rule: str, inputs: dict[str, Path], outputs: list[Path], params: dict, place: str) -> Path:
    """Compare a job's outputs with the configuration, before Snakemake plans the run.

    If the outputs rest on other params or on other inputs, the request becomes newer than the outputs and gets a
    content that no earlier request had. Snakemake then runs the job. If the outputs rest on the same params and inputs,
    request and outputs get the time at which this run started. A touched or copied input is then not newer than they.

    Args:
        rule: name of the rule.
        inputs: files by name, without the request.
        outputs: of the job.
        params: of the job, as the configuration has them now.
        place: path of the first output below the folder of results or data.

    Returns:
        The file of the request.

    Raises:
        ValueError: the outputs are to be made, and their folder cannot be written.
    """
    basis, digest = Basis.of(rule, outputs[0]), _digest(params)
    valid = is_valid(rule, inputs, outputs, params, place)
    try:
        # A user deletes an output to have the output computed again. A copied folder may state what another job did.
        if not all(path.exists() for path in outputs) or not _read_statement(basis, place):
            basis.forget()
        if not valid or _requested(basis) != digest:
            write_json(
                basis.request, {"rule": rule, "params_sha256": digest, "params": params, "mark": uuid.uuid4().hex}
            )
    except OSError as error:
        if link := broken_link(basis.request):
            raise ValueError(link) from None
        raise ValueError(
            f"{basis.request.parent}: cannot be written: {error.strerror}; make room, change the permissions, or set "
            "results and data in config.yaml to other folders"
        ) from None
    _set_time(basis.request, STARTED)
    for path in outputs:
        _set_time(path, STARTED if valid else STARTED - 10)  # a clock may have been ahead when the file was written
    return basis.request


def is_valid(rule: str, inputs: dict[str, Path], outputs: list[Path], params: dict, place: str) -> bool:
    """Whether a job's outputs exist and rest on these params, and on these inputs as they are now.

    Args:
        rule: name of the rule.
        inputs: files by name, without the request.
        outputs: of the job.
        params: of the job, as the configuration has them now.
        place: path of the first output below the folder of results or data.

    Returns:
        Whether the job need not run.
    """
    stated = _read_statement(Basis.of(rule, outputs[0]), place)
    return _agrees(stated, inputs, {path.name: path for path in outputs}, params)


def _agrees(stated: dict, inputs: dict[str, Path], outputs: dict[str, Path], params: dict) -> bool:
    """Whether a statement names these params, and these inputs and outputs by name with the content they have now."""
    return (
        stated.get("params_sha256") == _digest(params)
        and stated["inputs"].keys() == inputs.keys()
        and stated["outputs"].keys() == outputs.keys()
        and all(_has_content(path, stated["outputs"][name]) for name, path in outputs.items())
        and all(_has_content(path, stated["inputs"][name]) for name, path in inputs.items())
    )


def _read_statement(basis: Basis, place: str) -> dict:
    """The statement of the job whose first output has this place; empty if there is none, or only a damaged one."""
    try:
        stated = read_json(basis.statement)
        path = stated["outputs"][Path(place).name]["path"]
    except (OSError, ValueError, KeyError):
        return {}
    return stated if f"/{path}".endswith(f"/{place}") else {}


def _requested(basis: Basis) -> str | None:
    """The hash of the params that were asked for last; None if there is no whole request."""
    try:
        return read_json(basis.request)["params_sha256"]
    except (OSError, ValueError, KeyError):
        return None


def restore(rule: str, inputs: dict[str, Path], outputs: list[Path], params: dict) -> bool:
    """Take a job's outputs from those that are kept, if params and inputs are the same as before.

    Args:
        rule: name of the rule.
        inputs: files by name, without the request.
        outputs: of the job.
        params: of the job.

    Returns:
        Whether all outputs are in place, so that the job has nothing to compute.
    """
    basis = Basis.of(rule, outputs[0])
    if os.environ.get(COMPUTE_AGAIN) or not basis.statement.is_file():
        return False
    kept = {path.name: basis.kept / path.name for path in outputs}
    if not _agrees(read_json(basis.statement), inputs, kept, params):
        return False
    for path in outputs:
        path.unlink(missing_ok=True)
        os.link(kept[path.name], path)
    return True


def state(rule: str, inputs: dict[str, Path], outputs: list[Path], params: dict) -> None:
    """Write the statement of a job that has ended, and keep its outputs.

    Args:
        rule: name of the rule.
        inputs: files by name, without the request.
        outputs: of the job.
        params: that the job had.
    """
    basis = Basis.of(rule, outputs[0])
    basis.forget()
    with suppress(OSError):  # a file system without hard links: the job computes again
        basis.kept.mkdir(parents=True)
        for path in outputs:
            os.link(path, basis.kept / path.name)
    content = {
        "rule": rule,
        "params_sha256": _digest(params),
        "inputs": {name: _content(path) for name, path in inputs.items()},
        "outputs": {path.name: _content(path) for path in outputs},
        "cost": _cost(),
    }
    write_json(basis.statement, content)
    _forget_other_rules(basis, outputs)


def _forget_other_rules(basis: Basis, outputs: list[Path]) -> None:
    """Forget what jobs of other rules stated of these outputs. An experiment may now import what it trained before."""
    for file in basis.statement.parent.parent.glob("*/statement.json"):
        with suppress(OSError, ValueError, KeyError):  # another job may write its own statement now
            if file != basis.statement and read_json(file)["outputs"].keys() & {path.name for path in outputs}:
                rule, _, first_output = file.parent.name.partition(".")
                Basis.of(rule, outputs[0].with_name(first_output)).forget()


def _cost() -> dict[str, float]:
    """What this process, and those that it started, used: seconds by the clock and of processors, and peak memory."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return {
        "seconds": time.time() - psutil.Process().create_time(),
        "cpu_seconds": sum(each.ru_utime + each.ru_stime for each in used),
        "peak_memory_mib": max(each.ru_maxrss for each in used) / unit,
    }


def check_inputs(inputs: Iterable[Path]) -> None:
    """Refuse inputs that are not what their statements and requests say.

    Args:
        inputs: of a job; files without a statement, such as those of the repository, are not checked.

    Raises:
        ValueError: an input was changed after its job, or rests on other params than the configuration asks for.
    """
    for path in inputs:
        for file in path.parent.glob(".basis/*/statement.json"):
            stated = read_json(file)
            if path.name not in stated.get("outputs", {}):
                continue
            if read_json(file.with_name("request.json"))["params_sha256"] != stated["params_sha256"]:
                raise ValueError(
                    f"{path}: was made with other settings or code than the last call of Snakemake asked for, here or "
                    "in a clone that shares the folder; run again"
                )
            if not _has_content(path, stated["outputs"][path.name]):
                raise ValueError(
                    f"{path}: was changed after the job that wrote the file; delete the file and run again"
                )


def _digest(params: dict) -> str:
    return sha256_of({name: value for name, value in params.items() if name != CHECKED_WITH})


def _content(path: Path) -> dict:
    """What a statement says of a file: its path from the working directory, for a clone can be moved, size and hash."""
    return {"path": os.path.relpath(path), "sha256": _sha256_of(path), "size": path.stat().st_size}


def _has_content(path: Path, stated: dict) -> bool:
    """Whether a file has the stated content. The file's time tells nothing: all valid outputs have the same time."""
    return path.is_file() and path.stat().st_size == stated["size"] and _sha256_of(path) == stated["sha256"]


def _sha256_of(path: Path) -> str:
    """Hash of a file, which one process computes once: a data set is an input of many jobs."""
    key = _key(path)
    if key not in _hashes:
        _hashes[key] = sha256_of_file(path)
    return _hashes[key]


def _set_time(path: Path, time: float) -> None:
    """Change the time of a file, where the file exists and belongs to this user."""
    with suppress(OSError):  # for another user's files, Snakemake compares checksums
        known = _hashes.get(_key(path))
        os.utime(path, (time, time))
        if known:
            _hashes[_key(path)] = known


def _key(path: Path) -> tuple:
    status = path.stat()
    return path, status.st_ino, status.st_size, status.st_mtime_ns
