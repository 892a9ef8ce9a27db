"""Published results: panels, figures, verdicts, comparisons and provenance of `docs/results/{experiment}/`."""

import json
from collections import Counter
from pathlib import Path

import pandas as pd
from plugin_pages import docstring

from unlearning.evaluation.description import PANELS
from unlearning.plugins.describe import plugin_names
from unlearning.reporting.rows import GROUPS

VERDICT_COLUMNS = ["Method", "Quantity", "Published", "Ours, as published", "Verdict", "Reason"]
COMPARISON_KEYS = ["Method", "Compared with"]
MOST_COLUMNS = 6
PICTURES = (".svg", ".png")


def results(folder: Path, experiment: dict) -> dict | None:
    """What the page on an experiment's results shows.

    Args:
        folder: `docs/results/{experiment}`.
        experiment: the experiment's configuration.

    Returns:
        `findings`, `panels`, `captions` of tables, `statistics`, `figures`, `verdicts`, `counts` of verdicts,
        `side_by_side` with other experiments, `comparisons`, `metrics`, a path in the repository, `provenance`, and
        `stale`, see `unlearning.reporting.publishing.stale_jobs`; None where no results are published.
    """
    from unlearning.reporting.publishing import CAPTIONS, METRICS, PROVENANCE, stale_jobs

    if not (folder / PROVENANCE).is_file():
        return None
    provenance = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    verdicts = table(folder / "verdicts.csv")
    comparisons, statistics = table(folder / "comparisons.csv"), table(folder / "figures" / "statistics_effect.csv")
    captions = folder / CAPTIONS
    return {
        "findings": findings(folder / "findings.md"),
        "panels": panels(folder / "panels"),
        "captions": json.loads(captions.read_text(encoding="utf-8")) if captions.is_file() else {},
        "statistics": grid(statistics) if len(statistics) else None,
        "figures": figures(folder),
        "verdicts": grid(verdicts[VERDICT_COLUMNS]) if len(verdicts) else None,
        "counts": Counter(verdicts["Verdict"]) if len(verdicts) else {},
        "side_by_side": [grid(joined) for joined in beside_others(folder) if folder.name in joined],
        "comparisons": [grid(part) for part in parts(comparisons, COMPARISON_KEYS)] if len(comparisons) else [],
        "metrics": f"docs/results/{folder.name}/{METRICS}" if (folder / METRICS).is_file() else None,
        "provenance": provenance,
        "stale": stale_jobs(provenance, experiment),
    }


def table(path: Path) -> pd.DataFrame:
    """A table of text, empty where there is no such file."""
    return pd.read_csv(path, dtype=str, keep_default_na=False) if path.is_file() else pd.DataFrame()


def beside_others(folder: Path) -> list[pd.DataFrame]:
    """Verdicts of all published experiments on the same published numbers, see `side_by_side`."""
    from unlearning.reporting.side_by_side import side_by_side

    files = sorted(folder.parent.glob("*/verdicts.csv"))
    return side_by_side({path.parent.name: table(path) for path in files})


def findings(path: Path) -> str:
    """The text about the results, without a title of its own: the page has one, and lies one folder higher."""
    text = path.read_text(encoding="utf-8").strip().replace("](../", "](") if path.is_file() else ""
    return text.partition("\n")[2].strip() if text.startswith("# ") else text


def panels(folder: Path) -> list[dict]:
    """The panels that are there: `title` and `table`, which is a `grid` with a line above each group of rows."""
    from unlearning.reporting.panels import Panel

    made = []
    for key in PANELS:
        if (folder / f"{key}.csv").is_file():
            shown = Panel.read(folder / f"{key}.csv").shown
            header, *rows = grid(shown.marked("**{}**").reset_index())
            grouped, last = [header], None
            for group, row in zip(shown.groups, rows, strict=True):
                if group != last:
                    grouped.append([f"*{GROUPS[group]}*", *[""] * (len(header) - 1)])
                grouped.append(row)
                last = group
            made.append({"title": PANELS[key], "table": grouped})
    return made


def figures(folder: Path) -> list[dict]:
    """The figures, without smaller versions for other pages, such as `before_after_summary`.

    Args:
        folder: `docs/results/{experiment}`.

    Returns:
        For each figure `path` from the folder of the page, `name`, and the first sentence of its file as `caption`.
    """
    known = plugin_names("figures")
    listed = []
    for path in sorted((folder / "figures").glob("*")):
        if path.suffix in PICTURES and path.stem in known:
            caption = docstring("figures", path.stem).partition("\n")[0]
            listed.append({"path": f"{folder.name}/figures/{path.name}", "name": path.stem, "caption": caption})
    return listed


def parts(whole: pd.DataFrame, keys: list[str]) -> list[pd.DataFrame]:
    """Parts of a table that have at most `MOST_COLUMNS` columns. Each begins with the columns `keys`."""
    others, step = [name for name in whole.columns if name not in keys], MOST_COLUMNS - len(keys)
    return [whole[keys + others[start : start + step]] for start in range(0, len(others), step)]


def grid(whole: pd.DataFrame) -> list[list[str]]:
    """The header and the rows of a table of text."""
    return [list(whole.columns), *whole.to_numpy().tolist()]
