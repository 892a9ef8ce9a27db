"""One table in its formats."""

import os
import subprocess
import sys

import pandas as pd

from unlearning.io.files import ROOT
from unlearning.reporting.summary import main_table, tidy
from unlearning.reporting.tables import Shown, to_latex, write_table

from ..made_up import CLASSES, DESCRIPTIONS, METHODS, contents


def test_latex_is_a_booktabs_tabular_without_bare_special_characters():
    table = main_table(tidy(contents(), DESCRIPTIONS, CLASSES), DESCRIPTIONS)
    latex = to_latex([Shown(table)], "a caption of 100 %")
    assert latex.startswith("% a caption")
    body = latex.split("\n", 1)[1]
    for part in (r"\begin{tabular}{l", r"\toprule", r"\bottomrule", r"surgery\_forget", r"4.10~$\pm$~0.10", r"(\%)"):
        assert part in body
    assert body.isascii()
    panels = body.split(r"\medskip")
    for panel in panels:
        rows = [line for line in panel.splitlines() if line.endswith(r"\\")]
        assert len({line.count("&") for line in rows}) == 1
        assert [line.split(" & ")[0].replace(r"\_", "_") for line in rows] == ["Method", *METHODS]
    assert sum(panel.split(r"\midrule")[0].count(" & ") for panel in panels) == len(table.columns)


def write(folder, table, caption="A caption."):
    paths = {name: folder / f"table.{name}" for name in ("markdown", "csv", "latex", "html", "rst")}
    write_table([Shown(table)], caption, whole=table, **paths)
    return {name: path.read_text(encoding="utf-8") for name, path in paths.items()}


def test_a_cell_is_the_same_text_in_every_format(tmp_path):
    """By itself, tabulate reads numbers and would write them as 1, 1.23457e+06 and 10000."""
    cells = ["1.00", "1234567", "1.0e+04"]
    table = pd.DataFrame({"FID": cells}, index=pd.Index(["a", "b", "c"], name="Method"))
    for name, text in write(tmp_path, table).items():
        assert name == "rst" or all(cell in text for cell in cells), name


def test_the_caption_is_readable_in_every_format(tmp_path):
    texts = write(tmp_path, pd.DataFrame({"FID": ["1.00"]}, index=pd.Index(["a"], name="Method")), r"\*: i2i\_weak.")
    assert texts["markdown"].endswith("\n\n*: i2i_weak.\n")
    assert texts["latex"].startswith("% *: i2i_weak.\n")
    assert texts["rst"] == "\\*: i2i\\_weak.\n"


def test_files_are_utf_8_whatever_the_locale(tmp_path):
    code = (
        "import pandas as pd; from pathlib import Path; from unlearning.reporting.tables import Shown, write_table;"
        "table = pd.DataFrame({'\\u2212ELBO': ['4.1 \\xb1 0.1', '\\u2013']}, index=pd.Index(['a', 'b'], name='x'));"
        "paths = {name: Path(name) for name in ('markdown', 'csv', 'latex', 'html', 'rst')};"
        "write_table([Shown(table)], '\\xb1', whole=table, **paths)"
    )
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT / "scripts")}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | locale, check=True)
    for name in ("markdown", "csv", "html"):
        assert "4.1 ± 0.1" in (tmp_path / name).read_text(encoding="utf-8")
