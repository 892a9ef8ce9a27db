"""Jobs that start as forks of a server: the same results, logs, exit codes and ends as without it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from unlearning.runtime import warm_starts

SLEEPER = """import os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def server(tmp_path):
    """A server of this process, and a function that starts a script by it."""
    program = warm_starts.start(["json"])
    if program is None:
        pytest.skip(reason="this system has no pidfd_open, or its temporary folder does not serve warm starts")
    started = []

    def script(text, **environment):
        file = tmp_path / f"job{len(started)}.py"
        file.write_text(text)
        started.append(
            subprocess.Popen(
                [program, str(file)], cwd=tmp_path, env=os.environ | environment, stdout=subprocess.PIPE, text=True
            )
        )
        return started[-1]

    yield script
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def pid_of(job):
    return int(job.stdout.readline())


def ends(pid, seconds=10):
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the job goes on"
        time.sleep(0.02)


def test_a_script_has_its_folder_environment_arguments_and_output(server, tmp_path):
    text = """import os, sys
print(os.getcwd(), os.environ["WORD"], "LEFT" in os.environ, sys.argv, sys.path[0], __name__, "json" in sys.modules)
print(sys.executable, os.environb[b"OTHER"])
"""
    output, _ = server(text, WORD="spoken", OTHER="größe").communicate(timeout=30)
    file = str(tmp_path / "job0.py")
    assert output == f"{tmp_path} spoken False {[file]} {tmp_path} __main__ True\n{sys.executable} {'größe'.encode()}\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 0),
        ("import sys; sys.exit(3)", 3),
        ("import sys; sys.exit('a message')", 1),
        ("1 / 0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("import os; os.abort()", -signal.SIGABRT),
    ],
)
def test_a_job_ends_as_its_script_does(server, text, code):
    assert server(text).wait(timeout=30) == code


def test_before_its_end_a_job_waits_for_threads_runs_exit_handlers_and_writes_its_output(server):
    text = """import atexit, sys, threading, time
atexit.register(print, "handler")
threading.Thread(target=lambda: (time.sleep(0.3), print("thread"))).start()
print("script")
"""
    assert server(text).communicate(timeout=30)[0] == "script\nthread\nhandler\n"


def test_output_that_cannot_be_written_fails_the_job(server):
    text = "import sys; sys.stdout = open('/dev/full', 'w'); print('lost')"
    assert server(text).wait(timeout=30) == subprocess.run([sys.executable, "-c", text], check=False).returncode == 120


def test_a_signal_reaches_the_job_and_a_killed_client_ends_it(server):
    job = server(SLEEPER)
    pid_of(job)
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=10) == 143
    job = server(SLEEPER)
    pid = pid_of(job)
    job.kill()
    ends(pid)


def test_jobs_share_nothing_that_one_of_them_changes(server):
    """Many at a time, and none gets another one's signal, output or exit code."""
    jobs = [server(f"import sys, json, time; json.mine = {n}; time.sleep(0.3); sys.exit(json.mine)") for n in range(8)]
    assert [job.wait(timeout=30) for job in jobs] == list(range(8))
    assert server("import sys, json; sys.exit(hasattr(json, 'mine'))").wait(timeout=30) == 0


def test_when_the_server_is_killed_its_jobs_end_as_killed_and_later_ones_start_without_it(server):
    job = server(SLEEPER)
    pid = pid_of(job)
    psutil.Process(pid).parent().kill()
    assert job.wait(timeout=10) == -signal.SIGKILL
    os.kill(pid, signal.SIGKILL)  # a job of Snakemake's ends by itself, see `unlearning.runtime.job`
    assert server("import sys; sys.exit(5)").wait(timeout=30) == 5


def test_the_server_ends_with_the_process_that_started_it_and_removes_its_folder():
    call = "from unlearning.runtime import warm_starts; print(warm_starts.start([]))"
    scripts = str(Path(warm_starts.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", call],
        env=os.environ | {"PYTHONPATH": scripts},
        capture_output=True,
        text=True,
        check=True,
    )
    folder = Path(done.stdout.strip()).parent
    deadline = time.monotonic() + 20
    while folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_other_programs_than_scripts_start_as_ever(server, tmp_path):
    program = warm_starts.start([])
    done = subprocess.run([program, "-c", "print(1 + 1)"], capture_output=True, text=True, check=True)
    assert done.stdout == "2\n"


def test_only_the_user_can_open_the_socket():
    folder = Path(warm_starts.start([])).parent
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("name", ["a folder", "x" * 120])
def test_a_temporary_folder_that_does_not_serve_means_no_warm_starts(tmp_path, monkeypatch, name):
    folder = tmp_path / name
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert warm_starts.start([]) is None
    assert not list(folder.iterdir())
