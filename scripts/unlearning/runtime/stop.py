"""Stopping a job on request, after its state was saved.

Clusters send SIGTERM or SIGUSR1 some seconds before they kill a job: at preemption, at the time limit, on
`scancel`. A job with a checkpoint then saves its state and ends.
"""

import signal
import threading

requested = threading.Event()
EXIT_CODE = 143  # of a process that ends on SIGTERM


def listen() -> None:
    """From now on, SIGTERM and SIGUSR1 set `requested` and do not end the process."""
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda *_: requested.set())
