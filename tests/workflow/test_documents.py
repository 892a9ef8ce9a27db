"""The tutorial, followed word by word: each file is written, and each command is run, in the order of the page."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ..clone import Clone
from ..documents import blocks_of


@pytest.fixture
def clone(tmp_path):
    """A copy with the packages of this environment, so that `make` installs nothing."""
    made = Clone.make(tmp_path / "clone")
    environment = made.path / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(Path(sys.executable).resolve())
    (environment / "lib").symlink_to(Path(sys.prefix, "lib").resolve())
    shutil.copy(Path(sys.prefix, "pyvenv.cfg"), environment)
    pinned = (made.path / "requirements.txt", made.path / "constraints.txt")
    (environment / "installed").write_text("".join(path.read_text() for path in pinned))
    return made


def test_the_tutorial_leads_from_a_clone_to_a_figure_of_ones_own(clone):
    environment = {"PATH": os.environ["PATH"], "HOME": str(clone.path.parent), "OMP_NUM_THREADS": "1"}
    models, printed = [], []
    for block in blocks_of("tutorial"):
        if block.file:
            assert block.language in ("yaml", "python")
            path = clone.path / block.file
            assert not path.exists()
            path.write_text(block.code)
            continue
        assert block.language == "sh"
        command = ["bash", "-e", "-c", block.code]
        done = subprocess.run(command, cwd=clone.path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, block.code + done.stdout + done.stderr
        printed.append(done.stdout)
        models.append({path: path.stat().st_ino for path in clone.path.glob("results/first/seed*/*/model.safetensors")})

    assert any(0 < len(before) < len(models[-1]) for before in models)
    assert all(before.items() <= models[-1].items() for before in models), "models from before are kept"
    assert any(all(word in text for word in ("Forget fraction", "riginal", "etrain")) for text in printed)
    metrics = pd.read_csv(clone.path / "results" / "first" / "metrics.csv")
    share = metrics[metrics["metric"] == "forget_fraction"].groupby("method")["value"].mean()
    assert share["retrain"] < 1 < 5 < share["original"] < 15, "about ten per cent, and almost none"
    assert "neggrad_plus" in printed[-1]
    assert (clone.path / "my_figure.png").stat().st_size > 1000
