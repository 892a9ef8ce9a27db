"""Results for the documentation: what `docs/results/{experiment}/` holds, and whether today's code still gives it."""

import re
import shutil
from io import BytesIO
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

from unlearning.config.experiment import evaluation_rule
from unlearning.config.job_code import codes_of_results
from unlearning.config.processes import training_rule
from unlearning.io.files import read_json, sha256_of, write_json
from unlearning.plugins.load import load_plugin
from unlearning.reporting.panels import panels, run_notes
from unlearning.reporting.plotting import use_style
from unlearning.reporting.results import Results
from unlearning.runtime.failures import FAILED

PROVENANCE = "provenance.json"
TABLES = ("verdicts.csv", "comparisons.csv")
CAPTIONS = "captions.json"
METRICS = "metrics.csv"
METRIC_COLUMNS = ["method", "seed", "metric", "value", "low", "high", "censored", "undecided", "status"]
CAPTIONED = ("table", "comparisons")
MOST_BYTES_OF_SVG = 200_000  # a larger figure is published as PNG
DOTS_PER_INCH = 110
DOTS_PER_INCH_OF_SUMMARY = 160  # its letters are read on the screen of a phone
SHARED = "shared"  # settings that all rows of an experiment share
# They change which runs there are, or which pictures are drawn of them, but not what a run gives.
NOT_OF_A_RUN = ("title", "seeds", "figures", "methods", "published")
# The rules from whose results the jobs of a rule compute.
CLASSIFIERS = {"train_classifier", "import_classifier"}
MODELS = {"train", "train_in_processes", "import_original", "import_moments"}
NEEDS = {
    "train": {"select_forget_set", "encode_images"},
    "train_in_processes": {"select_forget_set", "encode_images"},
    "unlearn": {"select_forget_set", "encode_images", *CLASSIFIERS, *MODELS},
    "build_reference": {"select_forget_set", *CLASSIFIERS, *MODELS},
    "build_reference_alone": {"select_forget_set", *CLASSIFIERS},
    "evaluate": {"select_forget_set", *CLASSIFIERS, *MODELS, "unlearn", "build_reference", "build_reference_alone"},
}
NEEDS["evaluate_density"] = NEEDS["evaluate"]


def publish(folder: Path, target: Path) -> None:
    """Write the results of a finished experiment for the documentation.

    Args:
        folder: Folder of the experiment, `results/{experiment}`.
        target: `docs/results/{experiment}`. What people wrote there, `findings.md`, stays.

    Raises:
        ValueError: A run was made or evaluated by other code than today's.
    """
    use_style()
    results = Results.of_folder(folder)
    if old := _of_other_code(results):  # the provenance would name a wrong hash
        raise ValueError(f"{old}; run the experiment again, then publish it")
    for name in ("panels", "figures"):
        shutil.rmtree(target / name, ignore_errors=True)
        (target / name).mkdir(parents=True)
    for panel in panels(results):
        panel.write(target / "panels" / f"{panel.key}.csv")
    for name in TABLES:
        (target / name).unlink(missing_ok=True)
        if (folder / name).is_file():
            shutil.copyfile(folder / name, target / name)
    results.metrics[METRIC_COLUMNS].to_csv(target / METRICS, index=False, float_format="%.6g")
    captions = {name: (folder / f"{name}.rst").read_text(encoding="utf-8").strip() for name in CAPTIONED}
    write_json(target / CAPTIONS, captions)
    for figure in results.experiment["figures"]:
        _publish_figure(results, figure, target / "figures")
    write_json(target / PROVENANCE, provenance(results))


def _of_other_code(results: Results) -> str:
    """Name a run that other code than today's has made or evaluated; '' if there is none."""
    codes = codes_of_results(results.experiment)
    trained, evaluated = training_rule(results.experiment), evaluation_rule(results.experiment)
    of_references = {"retrain": trained, "original": "import_original" if "import_original" in codes else trained}
    for run in results.runs[results.runs["status"] != FAILED].itertuples(index=False):
        folder = results.run(run.method, run.seed)
        result = read_json(folder / "metrics.json")
        made = {of_references.get(run.method, f"unlearn/{run.method}"): result["run"], evaluated: result["evaluation"]}
        if old := [kind for kind, record in made.items() if record["code"] != codes[kind]]:
            return f"{folder}: made by other code than today's ({', '.join(old)})"
    return ""


def publish_benchmarks(folder: Path, target: Path) -> list[Path]:
    """Copy what `make bench` measured.

    Args:
        folder: Folder of all results.
        target: `docs/results/benchmarks`.

    Returns:
        The files, none if nothing was measured.
    """
    measured = sorted(folder.glob("benchmark_*.json"))
    for path in measured:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / path.name)
    return measured


def provenance(results: Results) -> dict:
    """Where published results come from.

    Args:
        results: Results of the experiment.

    Returns:
        `command`, see `without_paths`; `seeds`; `commits`, `torch`, `machines` and `threads` of the runs; `notes` on
        runs without values; `settings`, a hash of each row's settings; `code`, see `codes_of_results`; `minutes` of all
        jobs of a kind, by the same keys.
    """
    manifest = read_json(results.folder / "manifest.json")
    runs = [run for run in manifest["runs"] if "code" in run]
    of_runs = {
        "commits": {f"{(run['commit'] or 'none')[:10]}{'+' if run['dirty'] else ''}" for run in runs},
        "torch": {run["packages"]["torch"] for run in runs},
        "machines": {run["gpu"] or run["cpu"] for run in runs},
        "threads": {run["threads"] for run in runs},
    }
    codes = codes_of_results(results.experiment)
    return {
        "command": without_paths(manifest["command"]),
        "seeds": results.experiment["seeds"],
        **{name: sorted(values) for name, values in of_runs.items()},
        "notes": run_notes(results),
        "settings": _settings(results.experiment),
        "code": codes,
        "minutes": {kind: round(_minutes(results, kind), 2) for kind in codes},
    }


def without_paths(command: str) -> str:
    """Put … in place of the absolute paths in a command: they are of one machine."""
    return re.sub(r"(^|[\s='\"])/[^\s'\",]+", r"\1…", command)


def stale_jobs(published: dict, experiment: dict) -> dict[str, float]:
    """Which jobs of an experiment would run again, because code or settings are not those of its published results.

    A job runs again if its own code or settings changed, or if a job runs again from whose results it computes.

    Args:
        published: Provenance of the published results.
        experiment: The experiment's configuration of today.

    Returns:
        Minutes of jobs by kind of job, see `codes_of_results`, of the seeds that were published. A kind that is new
        takes nan minutes.
    """
    settings, stale = _settings(experiment), {}
    for kind, code in codes_of_results(experiment).items():
        rule, _, row = kind.partition("/")
        same = published["code"].get(kind) == code and all(
            published["settings"].get(name) == settings[name] for name in (SHARED, row) if name
        )
        if not same or NEEDS.get(rule, set()) & {other.partition("/")[0] for other in stale}:
            stale[kind] = published["minutes"].get(kind, float("nan"))
    return stale


def _settings(experiment: dict) -> dict[str, str]:
    """Hash of the settings that all rows share, and of each row's own."""
    shared = {key: value for key, value in experiment.items() if key not in NOT_OF_A_RUN}
    return {SHARED: sha256_of(shared), **{row: sha256_of(own) for row, own in experiment["methods"].items()}}


def _minutes(results: Results, kind: str) -> float:
    """Minutes of all finished jobs of a kind, as the jobs stated them."""
    rule, _, row = kind.partition("/")
    statements = results.folder.rglob(f"{row or '.'}/.basis/{rule}.*/statement.json")
    return sum(read_json(path)["cost"]["seconds"] for path in statements) / 60


def _publish_figure(results: Results, figure: str, target: Path) -> None:
    """Copy the SVG file of a figure; draw a figure of many pictures again, as PNG. Write its table, if it has one."""
    drawn = results.folder / "figures" / f"{figure}.svg"
    if not drawn.is_file():  # the figure failed, and the run said so
        return
    plugin = load_plugin("figures", figure)
    if drawn.stat().st_size <= MOST_BYTES_OF_SVG:
        shutil.copyfile(drawn, target / drawn.name)
    else:
        _save(plugin.draw(results)[0], target / f"{figure}.png")
    if hasattr(plugin, "table"):
        plugin.table(results).to_csv(target / f"{figure}.csv", index=False)
    if hasattr(plugin, "draw_summary"):
        _save(plugin.draw_summary(results), target / f"{figure}_summary.png", DOTS_PER_INCH_OF_SUMMARY)


def _save(figure: plt.Figure, path: Path, dots_per_inch: int = DOTS_PER_INCH) -> None:
    """Save a figure as PNG of 256 colours, a third of the size of one of all colours."""
    buffer = BytesIO()
    figure.savefig(buffer, dpi=dots_per_inch, bbox_inches="tight")
    plt.close(figure)
    Image.open(buffer).convert("RGB").quantize(256).save(path, optimize=True)
