"""What a result rests on: the params, the code and the input files that made it.

Snakemake remembers the params of a job in the folder `.snakemake` of one working directory. When this folder is
deleted, or when two clones share results or data, Snakemake does not notice that a setting has changed. Therefore every
job leaves a *statement* beside its outputs. Before Snakemake plans a run, `request` compares the statements with the
configuration.

The folder `.basis/{rule}.{output}` beside the first output of a job holds

* `request.json`, the params that the configuration asks for now. The file is an input of the job;
* `statement.json`, the params that made the outputs, and the SHA-256 of every input and output;
* `kept/`, hard links to the outputs. A job whose params and inputs are the same as before takes its outputs from here.
  Nothing that follows an unchanged output is computed again.

Each job has a folder of its own: Snakemake (9.27) lists a folder once, and misses files that come into it later.

Nothing in this module imports torch.
"""

import os
import shutil
import time
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from unlearning.io.files import read_json, sha256_of, sha256_of_file, write_json

CHECKED_WITH = "checked_with"  # a param by which a job only checks: it changes no output
COMPUTE_AGAIN = "UNLEARNING_COMPUTE_AGAIN"  # environment variable: set while a user forces jobs to run
STARTED = time.time()  # one time for all outputs that a run finds valid, so that none is newer than another


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


def request(rule: str, outputs: list[Path], params: dict, benchmark: Path) -> Path:
    """Compare a job's outputs with the configuration, before Snakemake plans the run.

    If the outputs rest on other params or on other inputs, the request becomes newer than the outputs and gets a
    content that no earlier request had. Snakemake then runs the job. If the outputs rest on the same params and inputs,
    request and outputs get the time at which this run started. A touched or copied input is then not newer than they.

    Args:
        rule: name of the rule.
        outputs: of the job.
        params: of the job, as the configuration has them now.
        benchmark: file of the job, whose time Snakemake compares, too.

    Returns:
        The file of the request.

    Raises:
        ValueError: the outputs are to be made, and their folder cannot be written.
    """
    basis, digest, valid = Basis.of(rule, outputs[0]), _digest(params), is_valid(rule, outputs, params)
    try:
        if not all(path.exists() for path in outputs):
            basis.forget()  # a user deletes an output to have the output computed again
        if not valid or not basis.request.exists():
            write_json(
                basis.request, {"rule": rule, "params_sha256": digest, "params": params, "mark": uuid.uuid4().hex}
            )
    except OSError as error:
        raise ValueError(
            f"{basis.request.parent}: cannot be written: {error.strerror}; make room, change the permissions, or set "
            "results and data in config.yaml to other folders"
        ) from None
    if valid:
        for path in (basis.request, benchmark, *outputs):
            with suppress(OSError):  # another user's files: Snakemake then compares checksums
                os.utime(path, (STARTED, STARTED))
    return basis.request


def is_valid(rule: str, outputs: list[Path], params: dict) -> bool:
    """Whether a job's outputs exist and rest on these params, and on the inputs as they are now."""
    try:
        stated = read_json(Basis.of(rule, outputs[0]).statement)
        return (
            stated["params_sha256"] == _digest(params)
            and {path.name for path in outputs} == stated["outputs"].keys()
            and all(_has_content(path, stated["outputs"][path.name]) for path in outputs)
            and all(_has_content(Path(entry["path"]), entry) for entry in stated["inputs"].values())
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # no statement, or a damaged one
        return False


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
    stated = read_json(basis.statement)
    same = stated["params_sha256"] == _digest(params) and stated["inputs"].keys() == inputs.keys()
    kept = {path.name: basis.kept / path.name for path in outputs}
    if not same or kept.keys() != stated["outputs"].keys():
        return False
    if not all(_has_content(path, stated["inputs"][name]) for name, path in inputs.items()):
        return False
    if not all(_has_content(path, stated["outputs"][name]) for name, path in kept.items()):
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
    }
    write_json(basis.statement, content)


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
                    f"{path}: was made with other settings or code than the configuration asks for; run again"
                )
            if not _has_content(path, stated["outputs"][path.name]):
                raise ValueError(
                    f"{path}: was changed after the job that wrote the file; delete the file and run again"
                )


def _digest(params: dict) -> str:
    return sha256_of({name: value for name, value in params.items() if name != CHECKED_WITH})


def _content(path: Path) -> dict:
    """What identifies a file's content; size and time tell quickly that a file has not changed.

    Args:
        path: of the file.

    Returns:
        Hash, size and time, and the path from the working directory: a clone can be moved.
    """
    status, digest = path.stat(), sha256_of_file(path)
    return {"path": os.path.relpath(path), "sha256": digest, "size": status.st_size, "time": status.st_mtime_ns}


def _has_content(path: Path, stated: dict) -> bool:
    """Whether a file has the stated content. Only a file with another time is read."""
    if not path.is_file():
        return False
    status = path.stat()
    if status.st_size != stated["size"]:
        return False
    return status.st_mtime_ns == stated["time"] or sha256_of_file(path) == stated["sha256"]
