"""Run a command, and print its seconds as JSON: by the clock, and of the processors in all processes that it starts."""

import json
import resource
import subprocess
import sys
import time


def main(command: list[str]) -> None:
    """Run a command. The exit status of this process is that of the command.

    Args:
        command: A program and its arguments. What the program prints goes to the standard error.
    """
    start = time.perf_counter()
    status = subprocess.run(command, stdout=sys.stderr, check=False).returncode
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps({"seconds": seconds, "processor_seconds": usage.ru_utime + usage.ru_stime}))
    sys.exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
