"""The project itself: pins, style, quick parsing."""

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from unlearning.evaluation.description import describe_metrics
from unlearning.plugins.describe import plugin_names
from unlearning.reporting.tables import Shown, to_latex

ROOT = Path(__file__).resolve().parents[2]


def run(*command, **options):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)


def pins(path):
    lines = (line.split("#")[0].strip() for line in (ROOT / path).read_text().splitlines())
    return dict(line.lower().split("==") for line in lines if "==" in line)


def imported_by(path):
    """Names of the packages that a file imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and not node.level}
    return {name.partition(".")[0] for name in names}


def test_conda_environments_carry_the_pins_of_the_requirements():
    required = pins("requirements.txt")
    environments = list((ROOT / "envs").glob("*.yaml"))
    assert environments
    for path in environments:
        (pip,) = (part["pip"] for part in yaml.safe_load(path.read_text())["dependencies"] if isinstance(part, dict))
        for requirement in pip:
            name, version = requirement.lower().split("==")
            assert required[name] == version, f"{path.name}: {requirement}"


def test_the_image_is_built_from_the_pins():
    lines = (ROOT / "Containerfile").read_text().splitlines()
    assert "COPY requirements.txt constraints.txt ./" in lines
    assert "RUN pip install --no-cache-dir -r requirements.txt" in lines
    python = re.search(r"FROM python:(\d+\.\d+)-", "\n".join(lines)).group(1)
    assert f"python={python}" in (ROOT / "envs" / "pipeline.yaml").read_text()


def test_constraints_agree_with_the_requirements():
    constraints = {name.replace("_", "-"): version for name, version in pins("constraints.txt").items()}
    for name, version in pins("requirements.txt").items():
        assert constraints[name] == version, name


def test_every_package_that_is_imported_is_required():
    conda = (ROOT / "envs" / "pipeline.yaml").read_text().lower()
    named = {
        "PIL": "pillow",
        "sklearn": "scikit-learn",
        "skimage": "scikit-image",
        "vl_convert": "vl-convert-python",
        "yaml": "pyyaml",
        "ruamel": "ruamel.yaml",
    }
    required = pins("requirements.txt")
    own = {
        "unlearning",
        "benchmarks",
        "snakemake_logger_plugin_progress",
        *(path.stem for folder in ("scripts", "docs/_extensions") for path in (ROOT / folder).glob("*.py")),
    }
    for path in [*(ROOT / "scripts").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]:
        for module in sorted(imported_by(path) - set(sys.stdlib_module_names) - own):
            package = named.get(module, module.replace("_", "-")).lower()
            assert package in required, f"{path}: {module}"
            assert package in conda or "tests" in path.parts, f"{path}: {module}"


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        ["snakefmt", "--check", "Snakefile", "rules"],
        ["snakemake", "--lint"],
    ],
    ids=" ".join,
)
def test_style(command):
    done = run(sys.executable, "-m", *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_parsing_the_workflow_imports_no_heavy_library():
    code = (
        "import sys; sys.argv = ['snakemake', '-n', '--quiet', 'all']\n"
        "from snakemake.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('heavy:', sorted({'torch', 'matplotlib', 'scipy', 'sklearn', 'torchvision'} & set(sys.modules)))"
    )
    done = run(sys.executable, "-c", code)
    assert "heavy: []" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("profile", ["default", "slurm"])
def test_each_profile_plans_experiments_of_every_kind(profile, tmp_path):
    """Among them one with published numbers: its figures and tables must all be in the profile's one group."""
    experiments = "experiments=[mnist-small,mnist-attribute,mnist-single,digits-i2i-vq]"
    folders = f"data={tmp_path / 'data'}", f"results={tmp_path / 'results'}"
    options = "--workflow-profile", f"profiles/{profile}", "--config", experiments, *folders
    done = run(sys.executable, "-m", "snakemake", "all", "--dry-run", "--quiet", "rules", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    planned = re.search(r"^write_table +(\d+)", done.stdout + done.stderr, re.M)
    assert int(planned[1]) == 4 * 2 + 1, "verdicts on one of the four"


def test_each_rule_has_a_script_and_a_log_of_its_name():
    for path in (ROOT / "rules").glob("*.smk"):
        for name, body in re.findall(r"^rule (\w+):\n((?:    .*\n|\n)+)", path.read_text(), re.M):
            assert f'"../scripts/{name}.py"' in body, name
            assert (ROOT / "scripts" / f"{name}.py").is_file()
            assert re.search(rf"    log:\n        \"[^\"]*/logs/{name}(/[^\"]+)?\.log\"", body), name


def test_no_file_names_a_path_of_this_machine():
    tracked = run("git", "ls-files").stdout.split()
    home = str(ROOT)
    for name in tracked:
        content = (ROOT / name).read_bytes()
        assert home.encode() not in content, name


def test_files_for_others_are_there():
    assert "MIT License" in (ROOT / "LICENSE").read_text()
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "title", "authors", "message"} <= set(citation)
    assert "## " in (ROOT / "CHANGELOG.md").read_text()


def test_latex_table_compiles_and_fits_the_page(tmp_path):
    if not shutil.which("pdflatex"):
        pytest.skip("reason: pdflatex is not installed (Debian: apt install texlive-latex-recommended)")
    described = [entry for name in plugin_names("metrics") for entry in describe_metrics(name).values()]
    columns = {f"{entry['label']} ({entry['unit']})": ["142.1 ± 10.2", "> 530 (0/10)", "– ∞ −"] for entry in described}
    columns |= {"Signs": ["earlier 10, later 0, undecided 0 *", "+1.2e+05 [-1.1e+05, +1.3e+05] (2 of 3 seeds) *", "–"]}
    columns |= {"Reason": ["a reason in very many words " * 5, "* not a star form", "[not an option] " * 9]}
    columns |= {"Special": ["~ ^ \\ { } $ < >", "# _ % &", "×"]}
    keys = [["surgery_retain_histogram", "forget fraction after 5 steps"], ["a&b", "time to unlearn (s)"], ["50 %", ""]]
    rows = pd.MultiIndex.from_tuples([tuple(key) for key in keys], names=["Method", "Quantity"])
    table = pd.concat([pd.DataFrame(columns, index=rows)] * 15)
    document = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n%s\\end{document}"
    (tmp_path / "table.tex").write_text(document % to_latex([Shown(table)], "caption"))
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout, done.stdout
