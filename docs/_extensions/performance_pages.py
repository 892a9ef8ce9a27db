"""What benchmarks measured, from `docs/results/benchmarks/`: for the page on performance."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from result_pages import grid

from unlearning.io.files import ROOT

COLUMNS = {
    "ms": "ms",
    "over_finetune": "× fine-tuning",
    "over_surgery_retain": "× surgery",
    "over_released": "× released UNO",
    "gflop": "GFLOP",
    "gflop_over_released": "GFLOP, × released UNO",
    "relative_error": "Relative error",
    "relative_error_without_onednn": "Relative error without oneDNN",
    "peak_mib": "Memory (MiB)",
    "memory_over_surgery_retain": "Memory, × surgery",
}
OF_MEMORY = ["peak_mib", "memory_over_surgery_retain"]


def performance(folder: Path) -> dict:
    """What the page on performance shows.

    Args:
        folder: `docs/results/benchmarks`.

    Returns:
        `comparison`, what `benchmarks.table` measured, see `comparison`, or None where it is not published; `devices`,
        what `benchmarks.methods` measured on each, see `costs`.
    """
    table = folder / "benchmark_table.json"
    return {
        "comparison": comparison(_read(table)) if table.is_file() else None,
        "devices": [costs(_read(path)) for path in sorted(folder.glob("benchmark_methods_*.json"))],
    }


def comparison(benchmark: dict) -> dict:
    """What work costs today beside what it cost at a base commit.

    Args:
        benchmark: what `benchmarks.table` wrote.

    Returns:
        `table`, a grid of text, and `origin` of the numbers.
    """
    environment = benchmark["environment"]
    machine = f"Measured on {environment['cpu']}, {environment['cores']} cores, at commit {_commit(environment)}."
    return {"table": benchmark["table"], "origin": f"{machine} {benchmark['note']}"}


def costs(benchmark: dict) -> dict:
    """What the steps of every method and Hessian-vector products cost on one device.

    Args:
        benchmark: what `benchmarks.methods` wrote.

    Returns:
        `name` of the device, `origin` of the numbers, and `models`: for each its `name`, `steps`, `memory` and
        `products`, which are grids of text, and `training`, what compiling and the training loop change.
    """
    environment, device = benchmark["environment"], benchmark["device"]
    software = f"torch {environment['packages']['torch']}, commit {_commit(environment)}"
    return {
        "name": device["gpu"] or environment["cpu"],
        "origin": f"Threads: {device['threads']}, {software}.",
        "models": [
            {
                "name": name,
                "steps": _table(benchmark[name]["steps"], "Row", without=OF_MEMORY),
                "memory": _memory(benchmark[name]["steps"], name),
                "products": _table(benchmark[name]["hessian_vector_products"], "Way"),
                "training": _training(benchmark[name]),
            }
            for name in ("mnist", "celeba")
            if name in benchmark
        ],
    }


def _commit(environment: dict) -> str:
    """The commit in short, with a plus sign where files had other changes."""
    return f"{(environment['commit'] or 'none')[:10]}{'+' if environment['dirty'] else ''}"


def _training(of_model: dict) -> str:
    """What compiling and the training loop change, in words."""
    compiled, loop = of_model["compiled_training"], of_model["training_loop_over_bare_arithmetic"]
    sentence = f"Training takes {loop} × its bare arithmetic."
    if compiled is None:
        return sentence
    return (
        f"{sentence} Compiled, a training step takes {compiled['step_over_plain_step']} × the time of a plain one, "
        f"after {compiled['seconds_to_compile']} s."
    )


def _memory(steps: dict[str, dict], name: str) -> list[list[str]]:
    """The memory of a step of every row, beside what the UNO authors published, as a grid of text."""
    published = pd.read_csv(ROOT / "published" / "uno.csv").query("dataset == @name and metric == 'peak_memory'")
    theirs = published.set_index("method")["mean"]
    table = pd.DataFrame(steps).T[OF_MEMORY].rename(columns=COLUMNS).rename_axis("Row")
    table = table.assign(**{"Published (MiB)": theirs, "Published, × surgery": theirs / theirs["surgery_retain"]})
    return grid(table.map(_number).reset_index())


def _table(measured: dict[str, dict], index: str, without: Sequence[str] = ()) -> list[list[str]]:
    """Measurements by name as a grid of text."""
    table = pd.DataFrame(measured).T.drop(columns=list(without)).rename(columns=COLUMNS).rename_axis(index)
    return grid(table.map(_number).reset_index())


def _number(value: float | None) -> str:
    return "–" if pd.isna(value) else f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))
