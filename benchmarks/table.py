"""Print what work costs today beside what it cost at a base commit, as one table: `make bench`.

The two trees take turns, so that a change of the machine's speed meets both. The table also goes into
`benchmark_table.json` in the folder of results, from which the page on performance is made.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.trees import BASE, extract, measured
from benchmarks.workflow import Run, empty_job, plan
from unlearning.config.load import load_settings
from unlearning.io.files import ROOT, write_json
from unlearning.runtime.provenance import environment

ROUNDS = 2
EMPTY_JOBS = 20
SIZES = {"experiments": 20, "seeds": 10, "methods": 25}
ONE_SEED = {"seeds": [0]}  # with its three seeds, the experiment would not fit into ten minutes

Measurements = dict[str, dict[str, float]]  # by quantity, then by tree: 'today', and 'base' where there is one


@dataclass(frozen=True)
class Bound:
    """What a quantity may be at most.

    Attributes:
        most: The largest value.
        of_ratio: Whether `most` bounds the ratio of today to the base, and not the value of today.
    """

    most: float
    of_ratio: bool = False

    def verdict(self, today: float, ratio: float | None) -> str:
        """Compare with the value as the table shows it.

        Args:
            today: Value of today.
            ratio: Its ratio to the base; None without a base.

        Returns:
            'met', 'missed', or 'unknown' where there is nothing to compare.
        """
        value = ratio if self.of_ratio else today
        if value is None:
            return "unknown"
        return "met" if float(f"{value:.3g}") <= self.most else "missed"


BOUNDS = {
    "digits, one seed, from nothing (s)": Bound(0.4, of_ratio=True),
    "digits, one seed, from nothing (processor s)": Bound(0.4, of_ratio=True),
    "digits again, nothing to do (s)": Bound(4),
    "digits again, every file touched (s)": Bound(6),
    "HTML report of digits (s)": Bound(5),
    "plan of these jobs (s)": Bound(18),
    "plan of these jobs (MiB)": Bound(452),
    "step of UNO / of uno as released": Bound(0.55),
    "training loop / its arithmetic alone": Bound(1.03),
    "transformer: step of UNO by differences / of surgery": Bound(2.2),
    "transformer: memory of a step of UNO by differences / of surgery": Bound(1.2),
}


def in_turn(trees: dict[str, Path], rounds: int, measure: Callable[[str, Path], dict[str, float]]) -> Measurements:
    """Measure each tree in turn.

    Args:
        trees: Folders of repositories by name.
        rounds: Number of measurements of each tree.
        measure: Of the name and the folder of a tree. Gives values by quantity.

    Returns:
        Medians over rounds.
    """
    values: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for name, tree in trees.items():
            start = time.perf_counter()
            for quantity, value in measure(name, tree).items():
                values.setdefault(quantity, {}).setdefault(name, []).append(value)
            quantities = measure.__name__.strip("_").replace("_", " ")
            print(f"{quantities}, {name}: measured in {time.perf_counter() - start:.0f} s", file=sys.stderr)
    return {
        quantity: {name: statistics.median(of_tree) for name, of_tree in of_trees.items()}
        for quantity, of_trees in values.items()
    }


def measure_all(trees: dict[str, Path], folder: Path) -> Measurements:
    """Measure everything in the table.

    Args:
        trees: Folders of repositories by name.
        folder: An empty folder for copies.

    Returns:
        Values by quantity and tree, in the order of the table.
    """
    runs = {name: Run(tree, folder / f"digits_{name}", ONE_SEED) for name, tree in trees.items()}

    def first_run(name: str, _: Path) -> dict[str, float]:
        run = runs[name].make()
        return {
            "digits, one seed, from nothing (s)": run["seconds"],
            "digits, one seed, from nothing (processor s)": run["processor_seconds"],
        }

    def later_runs(name: str, _: Path) -> dict[str, float]:
        run = runs[name]
        return {
            "digits again, nothing to do (s)": run.make()["seconds"],
            "digits again, every file touched (s)": run.make_after_touch()["seconds"],
            "HTML report of digits (s)": run.report()["seconds"],
        }

    today = {"today": trees["today"]}  # what an earlier library has no names for is measured with today's alone
    of_steps = in_turn(today, ROUNDS, _steps)  # first: the first import of torch reads files, and no time counts it
    return {
        **in_turn(trees, 1, first_run),
        **in_turn(trees, ROUNDS, later_runs),
        **in_turn(trees, 1, _planning),
        **in_turn(today, 1, _empty_jobs),
        **of_steps,
        **in_turn(today, 1, _differences),
    }


def _planning(_: str, tree: Path) -> dict[str, float]:
    planned = plan(tree, **SIZES)
    return {
        f"jobs of {' × '.join(f'{count} {part}' for part, count in SIZES.items())}": planned["jobs"],
        "plan of these jobs (s)": planned["seconds"],
        "plan of these jobs (MiB)": planned["peak_mib"],
    }


def _steps(_: str, __: Path) -> dict[str, float]:
    return measured("benchmarks.steps")


def _differences(_: str, __: Path) -> dict[str, float]:
    return measured("benchmarks.differences")


def _empty_jobs(_: str, __: Path) -> dict[str, float]:
    return {"job of Snakemake with an empty script (processor s)": empty_job(EMPTY_JOBS)["processor_seconds"]}


def rows_of(measurements: Measurements) -> list[dict]:
    """Add ratios, bounds and verdicts.

    Args:
        measurements: Values by quantity and tree.

    Returns:
        For each quantity: `quantity`, `today`, `base`, `ratio`, `bound`, `bound_of_ratio` and `verdict`. What does not
        exist is None.
    """
    rows = []
    for quantity, values in measurements.items():
        today, base, bound = values["today"], values.get("base"), BOUNDS.get(quantity)
        ratio = today / base if base else None
        rows.append(
            {
                "quantity": quantity,
                "today": today,
                "base": base,
                "ratio": ratio,
                "bound": bound and bound.most,
                "bound_of_ratio": bound and bound.of_ratio,
                "verdict": bound and bound.verdict(today, ratio),
            }
        )
    return rows


def grid_of(rows: list[dict]) -> list[list[str]]:
    """The table as text: the header, then a list of cells for each row of `rows_of`."""
    grid = [["quantity", "today", "base", "ratio", "bound"]]
    for row in rows:
        of_what = "ratio " if row["bound_of_ratio"] else ""
        bound = f"{of_what}≤ {row['bound']}: {row['verdict']}" if row["bound"] else "–"
        grid.append([row["quantity"], *(_number(row[key]) for key in ("today", "base", "ratio")), bound])
    return grid


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def to_text(grid: list[list[str]]) -> str:
    """The table with columns of equal width, for a terminal."""
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    lines = [" | ".join(map(str.ljust, cells, widths)).rstrip() for cells in grid]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]])


def main() -> None:
    """Measure, print the table, and write it into the folder of results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--base", default=BASE, help=f"commit to compare with; without it: {BASE}")
    base = parser.parse_args().base
    with tempfile.TemporaryDirectory() as name:
        folder, trees = Path(name), {"today": ROOT}
        (folder / "base").mkdir()
        if extract(base, folder / "base"):
            trees["base"] = folder / "base"
        rows = rows_of(measure_all(trees, folder))
    note = f"The base is commit {base}." if "base" in trees else f"No base: this clone has no commit {base}."
    grid, path = grid_of(rows), Path(load_settings({})["results"]) / "benchmark_table.json"
    write_json(path, {"table": grid, "rows": rows, "note": note, "environment": environment()})
    print(f"\n{to_text(grid)}\n\n{note}\n{path} holds this table.")


if __name__ == "__main__":
    main()
