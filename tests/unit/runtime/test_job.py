"""A job ends with the Snakemake process that waits for it."""

import time
from pathlib import Path

import psutil
import pytest

from unlearning.runtime import job

from ...process import python

GRACE = 0.5  # seconds in place of `job.GRACE`
JOB = f"""
import os, time
from unlearning.runtime import job
job.GRACE = {GRACE}
job.end_with_parents()
print(os.getpid(), flush=True)
time.sleep(60)
"""
SNAKEMAKE = """
import subprocess, sys
from unlearning.runtime import job
job.name_snakemake()
subprocess.run(["bash", "-c", sys.executable + ' -c "$JOB"; true'])
"""
SHELL = """
import os, subprocess, sys
started = subprocess.Popen([sys.executable, "-c", os.environ["SNAKEMAKE"]], stdout=subprocess.PIPE, text=True)
print(started.pid, started.stdout.readline(), flush=True)
"""


def ends(pid):
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return not Path(f"/proc/{pid}").exists()


def test_a_job_ends_when_its_snakemake_is_killed_but_not_the_shell_between_them(monkeypatch):
    monkeypatch.setenv("JOB", JOB)
    snakemake = python(SNAKEMAKE)
    pid = int(snakemake.stdout.readline())
    snakemake.kill()
    snakemake.wait()
    assert ends(pid)


def test_a_job_goes_on_when_the_terminal_is_closed_that_snakemake_was_started_from(monkeypatch):
    monkeypatch.setenv("JOB", JOB)
    monkeypatch.setenv("SNAKEMAKE", SNAKEMAKE.replace("; true", ""))  # then no shell stays between the two
    shell = python(SHELL)
    snakemake, pid = map(int, shell.communicate(timeout=20)[0].split())
    time.sleep(1.5 + GRACE)
    assert psutil.pid_exists(pid)
    psutil.Process(snakemake).kill()
    assert ends(pid)


@pytest.mark.parametrize("named", ["itself", "another process of the same number"])
def test_a_job_ends_whose_snakemake_was_killed_before_it_looked(monkeypatch, named):
    snakemake = python(
        "import os, time; from unlearning.runtime import job; job.name_snakemake();"
        "print(os.environ[job.SNAKEMAKE_VARIABLE], flush=True); time.sleep(60)"
    )
    number, started = snakemake.stdout.readline().decode().split()
    if named == "itself":
        snakemake.kill()
        snakemake.wait()
    monkeypatch.setenv("UNLEARNING_SNAKEMAKE", f"{number} {started if named == 'itself' else 1.5}")
    process = python(JOB)
    pid = int(process.stdout.readline())
    process.wait(timeout=10)
    snakemake.kill()
    assert ends(pid)


def test_a_job_goes_on_while_its_snakemake_runs(monkeypatch):
    monkeypatch.setenv("UNLEARNING_SNAKEMAKE", "")
    job.name_snakemake()
    process = python("import time, psutil; psutil._pslinux.boot_time = lambda: 0\n" + JOB)  # as if the clock was set
    process.stdout.readline()
    time.sleep(1.5 + GRACE)
    assert process.poll() is None
    process.kill()
