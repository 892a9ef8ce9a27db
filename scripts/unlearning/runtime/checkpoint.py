"""State from which an interrupted job goes on, bit for bit.

It lies beside the job's outputs, is not one of them (so that it survives a failed job), states what
it belongs to, and is removed when the outputs are whole.
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

    From its making on, a job that is asked to stop (see `unlearning.runtime.stop`) does so after the next `save`.

    Args:
        path: where it lies.
        key: hash of all that the job depends on; a state with another key is not resumed.
    """

    def __init__(self, path: Path, key: str):
        stop.listen()
        self.path, self._key = path, key
        self._saved_at, self._cost = time.monotonic(), 0.02

    def load(self) -> dict | None:
        """The saved state, its tensors on the CPU, or None where there is none that belongs to this job."""
        if not self.path.is_file():
            return None
        try:
            content = torch.load(self.path, map_location="cpu", weights_only=True)  # another GPU may be this job's
        except Exception as error:  # torch raises many kinds for a damaged file
            logger.warning("%s cannot be read (%s): starting afresh", self.path, error)
            return None
        if content["key"] != self._key:
            logger.info("%s belongs to other settings: starting afresh", self.path)
            return None
        logger.info("resuming from %s", self.path)
        return content["state"]

    def due(self) -> bool:
        """Whether to save now: once a second at most, and never more than 2 % of the time, but if asked to stop."""
        return stop.requested.is_set() or time.monotonic() - self._saved_at > max(1.0, 50 * self._cost)

    def save(self, state: dict) -> None:
        """Write tensors, numbers, strings, lists and mappings of them.

        Raises:
            SystemExit: the job was asked to stop.
        """
        started = time.monotonic()
        with atomic_path(self.path) as temporary:
            torch.save({"key": self._key, "state": state}, temporary)
        self._saved_at = time.monotonic()
        self._cost = self._saved_at - started
        if stop.requested.is_set():
            logger.warning("asked to stop: %s holds the state, from which the same command goes on", self.path)
            raise SystemExit(stop.EXIT_CODE)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
