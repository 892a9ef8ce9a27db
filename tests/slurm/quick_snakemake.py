"""Snakemake that asks SLURM for news every second, where the executor plugin would wait ever longer.

It starts between noon and one o'clock of its own time zone: the plugin's efficiency report covers the jobs since
midnight, and tests run at that hour would miss some.
"""

import os
import time

from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor

RemoteExecutor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, seconds: None)

if __name__ == "__main__":
    os.environ["TZ"] = f"NOON{time.gmtime().tm_hour - 12:+d}"
    time.tzset()
    main()
