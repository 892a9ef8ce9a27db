"""The tutorial, followed word by word: each file is written, and each command is run, in the order of the page."""

import pandas as pd

from ..clone import Clone
from ..documents import follow


def test_the_tutorial_leads_from_a_clone_to_a_figure_of_ones_own(tmp_path):
    clone = Clone.make(tmp_path / "clone").with_packages()
    models, printed = [], []
    for output in follow("tutorial", clone):
        printed.append(output)
        models.append({path: path.stat().st_ino for path in clone.path.glob("results/first/seed*/*/model.safetensors")})

    assert any(0 < len(before) < len(models[-1]) for before in models)
    assert all(before.items() <= models[-1].items() for before in models), "models from before are kept"
    assert any(all(word in text for word in ("Forget fraction", "riginal", "etrain")) for text in printed)
    metrics = pd.read_csv(clone.path / "results" / "first" / "metrics.csv")
    share = metrics[metrics["metric"] == "forget_fraction"].groupby("method")["value"].mean()
    assert share["retrain"] < 1 < 5 < share["original"] < 15, "about ten per cent, and almost none"
    assert "neggrad_plus" in printed[-1]
    assert (clone.path / "my_figure.png").stat().st_size > 1000
