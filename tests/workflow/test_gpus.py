"""Jobs that want a GPU, on one machine with (pretended) cards: never more at a time than there are slots."""

import os
import re
import stat

from ..clone import Clone


def most_at_a_time(output, rule):
    """The most jobs of a rule that ran at once, from Snakemake's messages."""
    running, most, numbers = 0, 0, set()
    for starting, number, finished in re.findall(
        rf"^(?:local)?(rule) {rule}:|^ +jobid: (\d+)|^Finished jobid: (\d+) ", output, re.M
    ):
        if starting:
            running += 1
            most = max(most, running)
            numbers.add("next")
        elif number and "next" in numbers:
            numbers.discard("next")
            numbers.add(number)
        elif finished in numbers:
            running -= 1
    return most


def test_one_card_runs_one_job_at_a_time(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: pretended'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    clone = Clone.make(tmp_path / "clone")
    clone.write_experiment(device="auto")
    output = clone.run("--cores", "4", "models")
    assert output.count("rule train:") == 4
    assert most_at_a_time(output, "train") == 1
    assert "gpu=1" in output
