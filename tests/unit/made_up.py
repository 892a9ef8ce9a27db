"""Made-up results whose answers are known: digits of a generative model, and single values of single metrics."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from unlearning.config.experiment import REFERENCES
from unlearning.config.load import load_experiment
from unlearning.data.description import describe_dataset
from unlearning.io.files import ROOT
from unlearning.io.tensors import write_tensors
from unlearning.reporting.published import verdicts
from unlearning.reporting.quantities import read_quantities
from unlearning.reporting.results import Results
from unlearning.reporting.summary import tidy
from unlearning.training.monitoring import STEP_COLUMNS

CLASSES = describe_dataset("digits")["classes"]
EXPERIMENT = load_experiment("digits") | {"seeds": [0, 1, 2]}
EXPERIMENT["methods"] = EXPERIMENT["methods"] | {"uno_strong": {"algorithm": "uno", "orthogonality_weight": 1e6}}
EXPERIMENT["evaluation"] = EXPERIMENT["evaluation"] | {
    "metrics": [*EXPERIMENT["evaluation"]["metrics"], "as_published", "originality"]
}
METHODS = [*REFERENCES, *EXPERIMENT["methods"]]
CONFUSION = np.diag([36] * 10)
CONFUSION[[0, 4, 7]] = np.array([[31, 5, *[0] * 8], [1, 0, 0, 0, 35, *[0] * 5], [1, *[0] * 6, 35, 0, 0]])
ACCURACY = {
    "heldout_accuracy": 0.98,
    "heldout_accuracy_by_network": [0.97, 0.98],
    "heldout_images": 360,
    "confusion_true_by_predicted": CONFUSION.tolist(),
}
FORGET_SET = {"forget": [0], "retain": [1, 2], "forgotten_classes": [0]}
DESCRIPTIONS = Results(
    EXPERIMENT, Path(), pd.DataFrame(columns=["metric", "value"]), ACCURACY, None, FORGET_SET
).descriptions
QUANTITIES = read_quantities(ROOT / "published" / "quantities.yaml")
RETRAINED = 99  # the grey of what retrained models show
FID = "FID to retain data (judge features)"


def content(method, seed):
    """Metrics of a run: the original at 10, the retrained model at 2, methods in between; `ascent` diverges."""
    diverged = method == "ascent"
    base = {"original": 10.0, "retrain": 2.0}.get(method, 4.0) + 0.1 * seed
    metrics = {
        name: {"value": None if diverged else base, "low": None, "high": None, "censored": False, "undecided": False}
        for name in DESCRIPTIONS
    }
    for name in DESCRIPTIONS:
        if "crossing" in name:
            metrics[name]["value"] = None if method in REFERENCES else 100.0 * (seed + 1)
            metrics[name]["censored"] = method == "uno" or (method == "uno_s" and seed == 2)
            metrics[name]["undecided"] = method == "uno_s" and seed == 2
    return {
        "experiment": "digits",
        "method": method,
        "seed": seed,
        "status": "diverged" if diverged else "finished",
        "last_step": 37 + seed if diverged else 500,
        "metrics": metrics,
        "class_counts": None if diverged else [[10] * 10, [5, 15] * 5],
        "run": {"config_sha256": "abc", "environment": {"commit": "def"}},
        "metrics_sha256": "123",
    }


def contents():
    return [content(method, seed) for method in METHODS for seed in EXPERIMENT["seeds"]]


def write_transformation(run, result):
    """Two probes of a forgotten class and two others, white before; their grey says after which step they are."""
    steps = [0, 2, 10] if result["status"] == "diverged" else [0, 2, 10, 500]
    images = [np.full((4, 1, 8, 8), 250 - place, np.uint8) for place in range(len(steps))]
    np.savez(run / "transformation.npz", steps=steps, images=images, forgotten=np.arange(4) < 2)


def originality(generator):
    """What the metric `originality` stores, of four samples by each distance."""
    arrays = {}
    for distance in ("pixels", "features"):
        for name in ("samples", "forget", "retain"):
            arrays[f"originality.{distance}.{name}"] = generator.integers(0, 255, (4, 1, 8, 8), dtype=np.uint8)
        arrays[f"originality.{distance}.forget_distance"] = np.array([1.0, 5, 3, 4])
        arrays[f"originality.{distance}.retain_distance"] = np.array([2.0, 4, 6, 5])
    return arrays


def write_results(folder):
    """Write results of digits as the workflow leaves them, and read them."""
    generator = np.random.default_rng(0)
    for result in contents():
        run = folder / f"seed{result['seed']}" / result["method"]
        run.mkdir(parents=True)
        count = 0 if result["status"] == "diverged" else 30
        images = generator.integers(0, 255, (count, 1, 8, 8), dtype=np.uint8)
        latents = generator.normal(size=(30, 2))
        nearest = originality(generator) if count else {}
        np.savez(run / "samples.npz", images=images, classes=np.arange(count) % 10, latents=latents, **nearest)
        if result["method"] not in REFERENCES:
            columns = {name: generator.uniform(-1, 1, 50) for name in STEP_COLUMNS}
            columns["published_forgotten"] = np.arange(50)[::-1]
            columns |= {"step": np.arange(1, 51), "seconds": 0.1, "finetune_step_seconds": 0.1}
            pd.DataFrame(columns).to_csv(run / "steps.csv")
            record = {"status": result["status"], "preparation_seconds": 0, "counted_after_update": False}
            (run / "record.json").write_text(json.dumps(record))
            counts = {
                "step": [0, 1, 10, 40, 50],
                "network": 0,
                "forgotten": [10_000, 4000, 3000, 500, 500],
                "samples": 100_000,
            }
            pd.DataFrame(counts).to_csv(run / "measurements.csv", index=False)
            write_transformation(run, result)
    shown = {f"{seed}.shown": np.full((4, 1, 8, 8), RETRAINED, np.uint8) for seed in EXPERIMENT["seeds"]}
    write_tensors(folder / "reference.safetensors", shown)
    tidy(contents(), DESCRIPTIONS, CLASSES).to_csv(folder / "metrics.csv", index=False)
    for name, facts in (("judge", ACCURACY), ("guide", ACCURACY), ("forget_set", FORGET_SET)):
        (folder / f"{name}.json").write_text(json.dumps(facts))
    accuracy = [folder / "judge.json", folder / "guide.json"]
    return Results.read(EXPERIMENT, folder / "metrics.csv", accuracy, folder / "forget_set.json")


def of_values(values, censored=(), folder=None):
    """Make results of three seeds of `mnist` with these values.

    Args:
        values: for each metric and row, a value per seed; None for a run that diverged.
        censored: metrics and rows whose values are censored.
        folder: where the runs would lie.
    """
    rows = [
        {"metric": metric, "method": row, "seed": seed, "value": value, "low": np.nan}
        | {
            "censored": (metric, row) in censored,
            "undecided": False,
            "status": "diverged" if value is None else "finished",
        }
        for (metric, row), seeds in values.items()
        for seed, value in enumerate(seeds)
    ]
    methods = [row for row in dict.fromkeys(row for _, row in values) if row not in REFERENCES]
    experiment = {
        "title": "Made up",
        "dataset": "mnist",
        "forget_set": {"classes": [1]},
        "seeds": [0, 1, 2],
        "methods": {row: {} if row == "finetune" else {"algorithm": "uno"} for row in methods},
        "evaluation": {
            "samples": 100,
            "metrics": ["fid", "step_time", "time_to_unlearn", "as_published", "completion_fid"],
        },
        "published": {"settings": "reduced"},
    }
    forget_set = {"forget": [0], "retain": [1, 2], "forgotten_classes": [1]}
    return Results(experiment, folder or Path(), pd.DataFrame(rows), ACCURACY, ACCURACY, forget_set)


def cell(method, metric, mean, std=np.nan, as_run=np.nan, relative=0.25, absolute=0.0, dataset="mnist"):
    """Make a row of a file of published numbers."""
    return {
        "dataset": dataset,
        "method": method,
        "metric": metric,
        "mean": mean,
        "std": std,
        "runs": 10,
        "relative_tolerance": relative,
        "absolute_tolerance": absolute,
        "as_run": as_run,
        "note": np.nan,
        "table": "uno",
    }


def verdict(results, *cells):
    """Compare made-up results with published numbers."""
    return verdicts(results, pd.DataFrame(cells), QUANTITIES)
