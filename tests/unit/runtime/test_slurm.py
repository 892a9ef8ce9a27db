"""Questions to SLURM's commands, which are replaced by small programs; tests/slurm asks the real ones."""

import pytest

from unlearning.runtime import slurm


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Write programs that take the place of SLURM's; each call is noted in a file."""

    def write(**programs):
        for name, body in programs.items():
            program = tmp_path / name
            program.write_text(f'#!/bin/sh\necho "{name} $@" >> {tmp_path}/calls\n{body}\n')
            program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
        return tmp_path / "calls"

    return write


def test_a_refusal_says_what_slurm_says_and_what_there_is(commands):
    calls = commands(
        sbatch="echo 'allocation failure: Invalid account' >&2; exit 1",
        sacctmgr="echo 'physics|normal,long'",
        sinfo="echo gpu; echo cpu",
    )
    with pytest.raises(ValueError, match="Invalid account") as error:
        slurm.check_submission("maths", None, "long")
    assert "your accounts: physics (QOS normal,long); partitions: gpu, cpu" in str(error.value)
    assert "sbatch --test-only --account=maths --qos=long --wrap=true" in calls.read_text()


def test_no_word_where_slurm_would_take_the_job(commands):
    commands(sbatch="exit 0")
    slurm.check_submission("maths", "cpu", None)


def test_gpus_are_seen_in_the_partitions(commands):
    commands(sinfo="echo '(null)'; echo 'gpu:a100:4(S:0-1)'")
    assert slurm.has_gpus()
    commands(sinfo="echo '(null)'")
    assert not slurm.has_gpus()


def test_only_jobs_sent_from_this_directory_are_orphans(commands, tmp_path):
    here = tmp_path / "here"
    # Listed until they are cancelled.
    squeue = f"""test -e {tmp_path}/gone || {{
    echo '11|unlearning_ab|{here}'; echo '12|unlearning_ab|{here}'; echo '12|unlearning_ab|{here}'
    echo '13|unlearning_cd|{tmp_path}/elsewhere'; echo '14|somebody_else|{here}'; }}"""
    calls = commands(squeue=squeue, scancel=f"touch {tmp_path}/gone")
    assert slurm.cancel_orphans(here, "unlearning", patience=5) == ["11", "12"]
    assert "scancel 11 12\n" in calls.read_text()
    assert slurm.cancel_orphans(here, "unlearning") == []


def test_a_machine_without_slurm_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="no sbatch on this machine: start Snakemake on a login node"):
        slurm.check_submission("maths", None, None)
