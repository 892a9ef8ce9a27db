"""The first command, as it is typed elsewhere: other paths, locales, permissions, users and homes, and no Git.

All of it is tried in one run, for each run takes a minute. Paths that are refused stand in tests/unit/test_make.py.
"""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from ..clone import Clone

STRANGER = 54321  # a user whom the system does not know, as in many containers


@pytest.fixture
def clone():
    """A copy without Git, in a path of odd characters, with the packages of this environment."""
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path, where a stranger may not look
        made = Clone.make(Path(folder) / "größe=@,~+" / "clone")
        made.write_experiment(seeds=[0], methods={"finetune": {}}, figures=["forget_fraction"])
        yield made.with_packages()


def other_user(clone):
    """Options of a process that run it as a stranger, if this user may do so and a stranger may run Python."""
    if os.getuid():
        return {}
    for path in [*clone.path.parents[1].rglob("*"), clone.path.parents[1]]:
        os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
    options = {"user": STRANGER, "group": STRANGER, "extra_groups": []}
    tried = [clone.path / ".venv" / "bin" / "python", "-c", "import snakemake"]
    try:
        return options if subprocess.run(tried, cwd=clone.path, check=False, **options).returncode == 0 else {}
    except PermissionError:  # Python lies in the home of root
        return {}


def foreign_locale(folder):
    """Variables of a locale whose encoding is not UTF-8; the locale is made in a folder, if it can be made."""
    name = "en_US.ISO-8859-1"
    subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", folder / name], capture_output=True, check=False)
    return {"LC_ALL": name, "LOCPATH": str(folder)} if (folder / name).exists() else {}


def test_the_first_command_under_the_conditions_of_others(clone):
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": "/proc",  # which nobody can write
        "MAKEFLAGS": "-j4",
        "OMP_NUM_THREADS": "1",
        **foreign_locale(clone.path.parents[1]),
    }
    done = subprocess.run(
        ["make"], cwd=clone.path, env=environment, umask=0o022, capture_output=True, check=False, **other_user(clone)
    )
    output = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, output
    results = clone.path / "results"
    assert "Fine-tuning" in done.stdout.decode(errors="replace").rsplit("report", 1)[0]
    assert "8×8" in (results / "tiny" / "table.md").read_text(encoding="utf-8")
    assert (results / "report.html").stat().st_size > 100_000
    assert {path.stat().st_mode & 0o777 for path in results.rglob("*.*") if path.is_file()} == {0o644}
    assert '"commit": null' in (results / "tiny/seed0/finetune/record.json").read_text()
