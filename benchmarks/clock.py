"""Run a command, and print its seconds as JSON: by the clock, and of the processors in all processes that it starts.

A process that outlives its parent, such as the server of warm starts, counts with all of its children: it becomes a
child of this process, which waits for its end.
"""

import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import suppress

ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of Linux


def main(command: list[str]) -> None:
    """Run a command. The exit status of this process is that of the command.

    Args:
        command: A program and its arguments. What the program prints goes to the standard error.
    """
    ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)
    start = time.perf_counter()
    status = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    seconds = time.perf_counter() - start
    with suppress(ChildProcessError):
        while True:
            os.wait()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"seconds": seconds, "processor_seconds": usage.ru_utime + usage.ru_stime}))
    sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
