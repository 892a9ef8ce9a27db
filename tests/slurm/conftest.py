"""One cluster for all tests of this folder, and the small experiments of tests/workflow on it."""

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..clone import Clone
from .cluster import ACCOUNT, Cluster, missing, run

PROFILE = "profiles/slurm/config.yaml"
QUICK_SNAKEMAKE = Path(__file__).with_name("quick_snakemake.py")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    if reason := missing():
        pytest.skip(reason)
    with Cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


class ClusterClone(Clone):
    """A copy of the repository whose profile names the account."""

    @classmethod
    def make(cls, path):
        clone = super().make(path)
        clone.replace(PROFILE, "# slurm_account: lab ", f"slurm_account: {ACCOUNT} ")
        clone.replace(PROFILE, "before-status-checks: 20", "before-status-checks: 1")
        clone.replace(PROFILE, "evaluations: 25", "evaluations: 5")
        return clone

    def command(self, *arguments):
        return [sys.executable, QUICK_SNAKEMAKE, "--workflow-profile", "profiles/slurm", *arguments]

    def snakemake(self, *arguments, cwd=None):
        command = self.command(*arguments)
        return subprocess.run(command, cwd=cwd or self.path, capture_output=True, text=True, check=False)

    @contextmanager
    def start(self, *arguments):
        """A Snakemake in the background, killed at the end of the block if it still runs."""
        log = (self.path / "output.txt").open("a")
        process = subprocess.Popen(self.command(*arguments), cwd=self.path, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def output(self):
        return (self.path / "output.txt").read_text()

    def jobs(self, *states):
        """SLURM's records of the jobs sent from this clone, oldest first."""
        columns = "JobIDRaw,State,Comment,AllocTRES,ReqMem,TimelimitRaw,WorkDir"
        listed = run("sacct", "-X", "-n", "-P", "-S", "now-1day", "-o", columns).stdout
        rows = [line.split("|") for line in listed.splitlines()]
        names = ("id", "state", "comment", "tres", "memory", "minutes", "directory")
        jobs = [dict(zip(names, row, strict=True)) for row in rows if row[-1] == str(self.path)]
        return [job for job in jobs if not states or job["state"].split()[0] in states]

    def running(self, rule):
        """Numbers of the running jobs of a rule."""
        listed = run("squeue", "-h", "-t", "R", "-o", "%A|%k|%Z").stdout.splitlines()
        rows = [line.split("|") for line in listed]
        return [number for number, comment, place in rows if rule in comment and place == str(self.path)]
