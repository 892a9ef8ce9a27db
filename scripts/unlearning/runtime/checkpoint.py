"""State with which an interrupted job resumes, bit for bit.

The file lies beside the job's outputs. It is not an output itself, so that it survives a failed job. It states which
job it belongs to, and is removed when the outputs are whole.
"""

import logging
import time
from pathlib import Path

import torch

from unlearning.io.files import atomic_path
from unlearning.runtime import stop

logger = logging.getLogger(__name__)


class Checkpoint:
    """Resume state of one job.

    After its construction, a job that is asked to stop (see `unlearning.runtime.stop`) ends at its next `save`.

    Args:
        path: the file.
        key: hash of all that the job depends on; a state with another key is not resumed.

    Attributes:
        path: the file.

    Example:
        checkpoint = Checkpoint(path, key)
        state = checkpoint.load() or {"step": 0}
        for step in range(state["step"], steps):
            if checkpoint.due():
                checkpoint.save({"step": step})
            ...
        checkpoint.remove()
    """

    def __init__(self, path: Path, key: str):
        stop.listen()
        self.path, self._key = path, key
        self._saved_at, self._cost = time.monotonic(), 0.02

    def load(self) -> dict | None:
        """Read the saved state, with its tensors on the CPU; None where no state belongs to this job."""
        if not self.path.is_file():
            return None
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)  # this job may have another GPU
        except Exception as error:  # torch raises many kinds for a damaged file
            logger.warning("%s cannot be read (%s): starting afresh", self.path, error)
            return None
        if content["key"] != self._key:
            logger.info("%s belongs to other settings: starting afresh", self.path)
            return None
        logger.info("resuming from %s", self.path)
        return content["state"]

    def due(self) -> bool:
        """Tell whether to save now: on a request to stop; else at most once a second and in at most 2 % of the time."""
        return stop.requested.is_set() or time.monotonic() - self._saved_at > max(1.0, 50 * self._cost)

    def save(self, state: dict) -> None:
        """Write the state.

        Args:
            state: tensors, numbers, strings, lists and mappings of them.

        Raises:
            SystemExit: the job was asked to stop.
        """
        started = time.monotonic()
        with atomic_path(self.path) as temporary:
            torch.save({"key": self._key, "state": state}, temporary)
        self._saved_at = time.monotonic()
        self._cost = self._saved_at - started
        if stop.requested.is_set():
            logger.warning("asked to stop: the same command resumes from %s", self.path)
            raise SystemExit(stop.EXIT_CODE)

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)
