"""Put the results of finished experiments, and of benchmarks, between their marks in README.md and report/results.md.

A pair of marks holds one of these:

* `results of A`: the main table of the experiment A, and its verdicts if there are any;
* `results of A, B by x, y`: the metrics x and y of several experiments, side by side;
* `results of A by x, y`: these metrics of the rows that differ in one setting, a line per setting;
* `A/table`: a whole table of the experiment, with its caption;
* `benchmarks`: what the benchmarks measured.

Marks of experiments without results here stay as they are.
"""

import re
import shutil
from pathlib import Path

import pandas as pd

from unlearning.config.experiment import REFERENCES
from unlearning.config.load import load_settings
from unlearning.io.files import ROOT, read_json
from unlearning.plugins.describe import plugin_constant
from unlearning.reporting.results import Results
from unlearning.reporting.summary import main_table
from unlearning.reporting.sweeps import sweeps
from unlearning.reporting.tables import to_markdown

RESULTS = r"(<!-- results of ([\w, -]+?)(?: by ([\w, ]+))?: begin -->\n).*?(<!-- results: end -->)"
TABLES = r"(<!-- ([\w-]+)/(\w+): begin -->\n).*?(<!-- whole: end -->)"
BENCHMARKS = r"(<!-- benchmarks: begin -->\n).*?(<!-- benchmarks: end -->)"
FIGURES = {"tradeoff.svg": "readme.svg", "statistics_effect.svg": "statistics_effect.svg"}  # of digits, in report/
COLUMNS = {
    "ms": "ms",
    "over_finetune": "× finetune",
    "over_surgery_retain": "× surgery_retain",
    "over_released": "× uno as released",
    "relative_error": "relative error",
    "relative_error_without_onednn": "relative error without oneDNN",
    "peak_mib": "peak memory (MiB)",
}


def main() -> None:
    """Write both pages and their figures."""
    results = Path(load_settings({})["results"])
    for page in (ROOT / "README.md", ROOT / "report" / "results.md"):
        page.write_text(with_results(page.read_text(encoding="utf-8"), results), encoding="utf-8")
    for figure, copy in FIGURES.items():
        if (drawn := results / "digits" / "figures" / figure).is_file():
            shutil.copyfile(drawn, ROOT / "report" / copy)


def with_results(text: str, results: Path) -> str:
    """Replace what stands between the marks of a page.

    Args:
        text: The page.
        results: Folder of all results.

    Returns:
        The new page.
    """

    def results_of(match: re.Match) -> str:
        begin, names, metrics, end = match.groups()
        folders = [results / name for name in names.split(", ")]
        if not all((folder / "manifest.json").is_file() for folder in folders):
            return match[0]
        if not metrics:
            table = main_part(*folders)
        elif len(folders) > 1 or not swept_keys(read_results(*folders)):
            table = side_by_side(folders, metrics.split(", "))
        else:
            table = by_setting(*folders, metrics.split(", "))
        return f"{begin}{table}\n\n{' '.join(origin(folder) for folder in folders)}\n{end}"

    def table_of(match: re.Match) -> str:
        begin, name, table, end = match.groups()
        file = results / name / f"{table}.md"
        return f"{begin}{folded(name, file.read_text(encoding='utf-8'))}\n{end}" if file.is_file() else match[0]

    text = re.sub(RESULTS, results_of, text, flags=re.DOTALL)
    text = re.sub(TABLES, table_of, text, flags=re.DOTALL)
    planning_file = results / "benchmark_workflow.json"
    if planning_file.is_file():
        text = re.sub(r"(?m)^- Planning .*$", lambda _: planning(read_json(planning_file)["plan"]), text)
    benchmarks = "\n\n".join(costs(read_json(path)) for path in sorted(results.glob("benchmark_methods_*.json")))
    if benchmarks:
        text = re.sub(BENCHMARKS, lambda match: f"{match[1]}{benchmarks}\n{match[2]}", text, flags=re.DOTALL)
    return text


def folded(title: str, content: str) -> str:
    """Hide content behind a title that unfolds it."""
    return f"<details><summary>{title}</summary>\n\n{content.strip()}\n\n</details>"


def main_part(folder: Path) -> str:
    """Make the main table of an experiment, with the verdicts below if there are any."""
    table = (folder / "table.md").read_text(encoding="utf-8").split("\n\n")[0]
    if not (folder / "verdicts.csv").is_file():
        return table
    verdicts = pd.read_csv(folder / "verdicts.csv")
    counts = ", ".join(f"{count} {name}" for name, count in verdicts["Verdict"].value_counts().items())
    results = read_results(folder)
    if results.experiment["published"]["settings"] != "as_published":
        advice = "They are provisional, because the settings are reduced; `snakemake check` lists them."
        return f"{table}\n\nVerdicts on published numbers: {counts}. {advice}"
    others = verdicts["Within tolerance as well"].astype(object).fillna("")
    rows = ", ".join([*REFERENCES, *results.baselines])
    title = (
        f"Published numbers / ours by the same protocol: {counts} (*: {(others != '').sum()} of the reproduced numbers "
        f"are also reproduced by one of {rows}). Reasons: report/results.md"
    )
    cells = verdicts["Published"] + " / " + verdicts["Ours, as published"] + ": " + verdicts["Verdict"]
    cells += others.map(lambda text: "*" if text else "")
    by_quantity = verdicts.assign(cell=cells).pivot(index="Method", columns="Quantity", values="cell")
    by_quantity = by_quantity.reindex(verdicts["Method"].unique()).fillna("–")
    return f"{table}\n\n{folded(title, to_markdown(by_quantity))}"


def side_by_side(folders: list[Path], metrics: list[str]) -> str:
    """Make a table of some metrics of experiments; of several, by the ends of their names."""
    tables = []
    for folder in folders:
        results = read_results(folder)
        name, descriptions = folder.name.split("-")[-1], results.descriptions
        prefix = f"{name}: " if len(folders) > 1 else ""
        selection = {
            metric: descriptions[metric] | {"label": prefix + descriptions[metric]["label"]} for metric in metrics
        }
        tables.append(main_table(results.metrics, selection).drop(columns="Runs"))
    return to_markdown(pd.concat(tables, axis="columns").rename_axis("Method").fillna("–"))


def swept_keys(results: Results) -> tuple[str, ...]:
    """The settings that the figures of an experiment sweep."""
    figures = results.experiment["figures"]
    return tuple(key for figure in figures for key in plugin_constant("figures", figure, "SWEPT", ()))


def by_setting(folder: Path, metrics: list[str]) -> str:
    """Make a folded table of some metrics of the rows that differ in one setting, with a line per setting."""
    results = read_results(folder)
    descriptions = results.descriptions
    values = main_table(results.metrics, {metric: descriptions[metric] for metric in metrics}).drop(columns="Runs")
    rows = pd.concat(
        table.assign(setting=key.replace("_", " ") + ": " + table["label"])
        for key, table in sweeps(results.experiment, swept_keys(results)).items()
    )
    tables = [
        values.loc[of_base["row"]].set_axis(of_base["setting"]).add_prefix(f"{base}: ")
        for base, of_base in rows.groupby("base", sort=False)
    ]
    settings = dict.fromkeys(rows["setting"])
    table = pd.concat(tables, axis="columns").reindex(settings).rename_axis("Setting").fillna("–")
    return folded(results.experiment["title"], to_markdown(table))


def read_results(folder: Path) -> Results:
    """Read the results of an experiment from its folder."""
    configuration = read_json(folder / "manifest.json")["configuration"]
    accuracy = [path for name in ("judge", "guide") if (path := folder / name / "accuracy.json").is_file()]
    return Results.read(configuration, folder / "metrics.csv", accuracy, folder / "forget_set.json")


def origin(folder: Path) -> str:
    """Say where an experiment's numbers come from."""
    manifest = read_json(folder / "manifest.json")
    commits = sorted({_commit(run) for run in manifest["runs"]})
    torch = sorted({run["packages"]["torch"] for run in manifest["runs"]})
    machines = sorted({run["gpu"] or run["cpu"] for run in manifest["runs"]})
    minutes = sum(pd.read_csv(path, sep="\t")["s"].sum() for path in (folder / "benchmarks").rglob("*.tsv")) / 60
    return (
        f"`{folder.name}`: {len(manifest['configuration']['seeds'])} seeds, commit {', '.join(commits)}, torch "
        f"{', '.join(torch)}, {', '.join(machines)}, one thread per job, {minutes:.0f} minutes of jobs."
    )


def _commit(provenance: dict) -> str:
    """The commit that a run or a benchmark was made with; + if files had been changed since."""
    return f"{(provenance['commit'] or 'none')[:10]}{'+' if provenance['dirty'] else ''}"


def planning(plan: dict) -> str:
    """Say what the planning of a large run costs, in one line."""
    first, again = plan["first"], plan["again"]
    return (
        f"- Planning {first['jobs']} jobs took {first['seconds']:.0f} s and {first['peak_mib']} MiB; again, with "
        f"nothing to do, {again['seconds']:.0f} s. `make bench` measures it."
    )


def costs(benchmark: dict) -> str:
    """Make tables of what the steps of every method and Hessian-vector products cost on one device."""
    environment, device = benchmark["environment"], benchmark["device"]
    parts = [
        f"On {device['gpu'] or environment['cpu']}, threads: {device['threads']}, torch "
        f"{environment['packages']['torch']}, commit {_commit(environment)}:"
    ]
    for name in ("mnist", "celeba"):
        of_model = benchmark[name]
        for key, title in (("steps", "A step of each row"), ("hessian_vector_products", "A Hessian-vector product")):
            table = pd.DataFrame(of_model[key]).T.rename(columns=COLUMNS).rename_axis("")
            parts += [f"{title}, model of `{name}`:", to_markdown(table.map(_number))]
        compiled, loop = of_model["compiled_training"], of_model["training_loop_over_bare_arithmetic"]
        sentence = (
            f"Compiled, a training step takes {compiled['step_over_plain_step']} × the time of a plain one, after "
            f"{compiled['seconds_to_compile']} s."
        )
        parts.append(f"{sentence} Training takes {loop} × its bare arithmetic." if loop else sentence)
    return "\n\n".join(parts)


def _number(value: float | None) -> str:
    return "–" if pd.isna(value) else f"{value:g}"


if __name__ == "__main__":
    main()
