"""What `make` prints while jobs run: in a terminal, in a pipe, and when a job fails."""

import os
import pty
import re
import subprocess
import sys
from itertools import pairwise

import pytest

from snakemake_logger_plugin_progress import Progress, by_stage, name_of_job

from ..clone import ROOT

SNAKEFILE = """
rule all:
    input: expand("results/tiny/seed{seed}/{method}/model", seed=[0, 1], method=["uno", "broken"]), "results/tiny/mine"
rule train:
    output: "results/{experiment}/seed{seed}/original"
    shell: "touch {output}"
rule unlearn:
    input: "results/{experiment}/seed{seed}/original"
    output: "results/{experiment}/seed{seed}/{method}/model"
    log: "results/{experiment}/logs/unlearn/seed{seed}/{method}.log"
    shell: '''
        if [ {wildcards.method} = broken ]; then seq 9 >{log}; echo ValueError: größe >>{log}; exit 1; fi
        sleep 1.2; touch {output}'''
rule my_rule:
    output: "results/{experiment}/mine"
    shell: "touch {output}"
"""
COMMAND = [sys.executable, "-m", "snakemake", "--logger", "progress", "--cores", "2", "--keep-going"]
SUMMARY = "7 jobs, 2 at a time: training 2, unlearning 4, my_rule 1"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "snakemake_logger_plugin_progress").symlink_to(ROOT / "snakemake_logger_plugin_progress")
    return tmp_path


def in_pipe(folder, *arguments):
    done = subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, encoding="utf-8")
    return done.returncode, done.stderr.splitlines()


def in_terminal(folder, columns=80):
    """Run in a pseudo-terminal. Returns the exit status and all that a terminal would get."""
    parent, child = pty.openpty()
    environment = os.environ | {"COLUMNS": str(columns), "TERM": "xterm"}
    process = subprocess.Popen(COMMAND, cwd=folder, stdin=child, stdout=child, stderr=child, env=environment)
    os.close(child)
    written = b""
    while True:
        try:
            part = os.read(parent, 65536)
        except OSError:  # so Linux ends a pseudo-terminal
            part = b""
        if not part:
            break
        written += part
    os.close(parent)
    return process.wait(), written.decode("utf-8")


def check_failures_and_end(folder, lines):
    for seed in (0, 1):
        log = f"results/tiny/logs/unlearn/seed{seed}/broken.log"
        place = lines.index(f"FAILED: unlearning (tiny, broken, seed {seed}); see {log}")
        assert [line.strip() for line in lines[place + 1 : place + 6]] == ["6", "7", "8", "9", "ValueError: größe"]
    assert re.fullmatch(r"5 of 7 jobs are done, after 0\.\d min\.", lines[-2])
    log = lines[-1].removeprefix("Snakemake's log: ")
    assert log.startswith(str(folder / ".snakemake" / "log"))
    assert "Error in rule unlearn" in (folder / log).read_text()


def test_a_pipe_gets_a_line_for_each_stage_and_no_control_codes(folder):
    status, lines = in_pipe(folder)
    assert status != 0
    assert lines[0] == SUMMARY
    check_failures_and_end(folder, lines)
    progress = [line for line in lines if re.match(r"\d of 7 jobs[,:]", line)]
    assert len(progress) == 3, "one for each stage that begins"
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 1 + len(progress) + 2 * 6 + 2, "and nothing else"


def test_a_terminal_gets_one_line_that_is_drawn_again(folder):
    status, written = in_terminal(folder)
    assert status != 0
    lines = [line.split("\x1b[K")[-1] for line in written.split("\r\n")]
    assert lines[0] == SUMMARY
    check_failures_and_end(folder, lines[:-1])
    assert lines[-1] == "", "no line of progress is left behind"
    drawn = re.findall(r"\r(\[[=-]{20}\] .*?)\x1b\[K", written)
    assert all(len(line) < 80 for line in drawn)
    shown = [int(number) for number in re.findall(r"\] (\d) of 7 jobs", "\n".join(drawn))]
    assert all(earlier <= later for earlier, later in pairwise(shown))
    assert {0, 2} <= set(shown)
    assert any(re.search("[12] failed, about 1 min left: unlearning", line) for line in drawn)
    assert re.findall(r"\x1b\[.", written) == ["\x1b[K"] * written.count("\x1b[K"), "no other control codes"


def test_results_that_are_there_and_mistakes_are_reported(folder):
    status, lines = in_pipe(folder, "results/tiny/mine")
    assert (status, lines[0]) == (0, "1 jobs, 2 at a time: my_rule 1")
    assert in_pipe(folder, "results/tiny/mine") == (0, ["All results are there already."])
    status, lines = in_pipe(folder, "results/other")
    assert status != 0
    assert any("No rule to produce results/other" in line for line in lines)


def test_the_time_left_is_that_of_each_rule():
    progress = Progress({"train": 3, "unlearn": 4}, cores=2, now=0)
    progress.start(1, "train", now=0)
    assert progress.seconds_left(now=5) is None, "nothing is known"
    progress.end(1, now=10)
    assert progress.seconds_left(now=10) is None, "four of the six jobs that are left are of an unknown length"
    progress.start(2, "unlearn", now=10)
    progress.end(2, now=14)
    assert progress.seconds_left(now=14) == (2 * 10 + 3 * 4) / 2
    progress.start(3, "train", now=14)
    assert progress.seconds_left(now=20) == (2 * 10 + 3 * 4 - 6) / 2
    assert progress.seconds_left(now=90) == (2 * 10 + 3 * 4 - 10) / 2, "a slow job does not count below 0"
    for number, rule in enumerate(["train", *["unlearn"] * 3]):
        progress.start(number + 4, rule, now=90)
        progress.end(number + 4, now=90 + (10 if rule == "train" else 4))
    assert progress.seconds_left(now=94) == 0
    progress.end(3, now=99, failed=True)
    assert progress.in_words(now=99).startswith("7 of 7 jobs, 1 failed")


def test_every_rule_of_the_workflow_has_a_stage():
    rules = {
        name for path in (ROOT / "rules").glob("*.smk") for name in re.findall(r"^rule (\w+):", path.read_text(), re.M)
    }
    assert not rules & set(by_stage(dict.fromkeys(rules, 1)))


def test_a_job_is_named_by_what_it_works_on():
    assert name_of_job("unlearn", {"seed": "1", "experiment": "digits", "method": "uno"}) == (
        "unlearning (digits, uno, seed 1)"
    )
    assert name_of_job("my_rule", {}) == "my_rule"
