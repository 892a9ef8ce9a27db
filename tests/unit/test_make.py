"""The Makefile: where the clone may lie, what is installed again, and that nothing runs beside the run."""

import os
import shutil
import subprocess

import pytest

from ..clone import ROOT

FILES = ("Makefile", "requirements.txt", "constraints.txt")


@pytest.fixture
def make(tmp_path):
    """Run make in a folder of this name that holds nothing but the Makefile and the requirements."""

    def run(*arguments, folder="clone", **environment):
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        for name in FILES:
            if not (path / name).exists():
                shutil.copy(ROOT / name, path / name)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")} | environment
        return subprocess.run(["make", *arguments], cwd=path, env=environment, capture_output=True, text=True)

    return run


@pytest.mark.parametrize("folder", ["with space", "a(b)", "it's", "a;b", "a&b", "a$b"])
def test_a_path_on_which_jobs_would_fail_is_refused_before_anything_is_installed(make, tmp_path, folder):
    done = make("run", folder=folder)
    assert done.returncode != 0
    assert "contains a space or another special character" in done.stderr
    assert sorted(path.name for path in (tmp_path / folder).iterdir()) == sorted(FILES)


@pytest.mark.parametrize("folder", ["plain", "a+b=c@d,e~f.g_h-i", "größe"])
def test_other_paths_are_right(make, folder):
    assert make("--dry-run", "run", folder=folder).returncode == 0


def test_only_another_content_of_the_requirements_installs_again(make, tmp_path):
    make("--dry-run")
    clone = tmp_path / "clone"
    (clone / ".venv").mkdir()
    (clone / ".venv" / "installed").write_text("".join((clone / name).read_text() for name in FILES[1:]))
    os.utime(clone / ".venv" / "installed", (0, 0))
    done = make(".venv/installed", PYTHON="false")
    assert done.returncode == 0, done.stderr
    (clone / "constraints.txt").write_text("another==1\n")
    os.utime(clone / ".venv" / "installed", (0, 0))
    assert make(".venv/installed", PYTHON="false").returncode != 0, "tried to install"


@pytest.fixture
def fake_python(tmp_path):
    """A Python that makes an environment whose pip prints forty lines and succeeds only if the file `works` exists."""
    pip = tmp_path / "pip"
    pip.write_text('#!/bin/sh\necho "$*"\nseq 40\ntest -e works\n')
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n[ $1 = -c ] || {{ mkdir -p .venv/bin; cp {pip} .venv/bin/python; }}\n")
    for program in (pip, path):
        program.chmod(0o755)
    return path


def test_the_installation_is_quiet_and_names_its_log(make, tmp_path, fake_python):
    make("--dry-run")
    (tmp_path / "clone" / "works").touch()
    done = make(".venv/installed", PYTHON=str(fake_python))
    assert done.returncode == 0, done.stderr
    said, log = done.stdout.splitlines()
    assert "GB" in said
    assert "minutes" in said
    assert log == "Log of pip: .venv/install.log"
    assert done.stderr == ""
    assert "install --disable" in (tmp_path / "clone" / ".venv" / "install.log").read_text()


def test_an_installation_that_fails_shows_the_end_of_its_log(make, tmp_path, fake_python):
    done = make(".venv/installed", PYTHON=str(fake_python))
    assert done.returncode != 0
    lines = done.stderr.splitlines()
    place = lines.index("The installation failed. The whole log of pip: .venv/install.log")
    assert lines[:place] == [str(number) for number in range(26, 41)]
    assert not (tmp_path / "clone" / ".venv" / "installed").exists()


def test_a_verbose_installation_prints_what_pip_prints(make, fake_python):
    done = make(".venv/installed", "VERBOSE=1", PYTHON=str(fake_python))
    assert done.returncode != 0
    assert "\n1\n2\n" in done.stdout
    assert "install.log" not in done.stdout + done.stderr


@pytest.mark.parametrize(("flags", "quiet"), [([], True), (["VERBOSE=1"], False)])
def test_snakemake_prints_progress_alone_unless_more_is_asked_for(make, flags, quiet):
    planned = make("--dry-run", "run", *flags).stdout
    assert "-m snakemake" in planned
    assert ("--logger progress" in planned) == quiet


@pytest.mark.parametrize("status", [0, 3])
def test_the_results_are_shown_after_the_run_whatever_the_flags_and_its_exit_status(make, tmp_path, status):
    make("--dry-run")
    clone = tmp_path / "clone"
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "installed").write_text("".join((clone / name).read_text() for name in FILES[1:]))
    python = clone / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\necho "start $*" >>log\nsleep 0.2\necho "end $*" >>log\nexit {status}\n')
    python.chmod(0o755)
    done = make(MAKEFLAGS="-j4")
    assert (done.returncode != 0) == (status != 0), done.stderr
    lines = (clone / "log").read_text().splitlines()
    assert lines[-1].endswith(f"results/report.html {status}")
    assert [line.split()[0] for line in lines] == ["start", "end"] * 2


@pytest.mark.parametrize("home", ["", "/proc"])
def test_a_home_that_cannot_be_written_is_not_needed(make, tmp_path, monkeypatch, home):
    make("--dry-run")
    clone = tmp_path / "clone"
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "installed").write_text("".join((clone / name).read_text() for name in FILES[1:]))
    python = clone / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "cache: $XDG_CACHE_HOME"\n')
    python.chmod(0o755)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    done = make("run", HOME=str(tmp_path / home))
    assert f"cache: {clone}/.snakemake/cache" in done.stdout if home else "cache: \n" in done.stdout
