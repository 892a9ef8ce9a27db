"""A job ends with the Snakemake process that waits for it."""

import time
from pathlib import Path

from ...process import python

JOB = """
import os, time
from unlearning.runtime import job
job.end_with_parents()
print(os.getpid(), flush=True)
time.sleep(60)
"""
ABOVE = """
import os, subprocess, sys
subprocess.run(["bash", "-c", sys.executable + ' -c "$JOB"; true'])
"""


def test_a_job_ends_when_the_process_above_its_shell_is_killed(monkeypatch):
    monkeypatch.setenv("JOB", JOB)
    parent = python(ABOVE)
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()
