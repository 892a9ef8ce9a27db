"""Put the results of finished experiments, and of benchmarks, between their marks in README.md and report/results.md,
with a figure."""

import re
import shutil
from pathlib import Path

import pandas as pd

from unlearning.config.load import ROOT, load_settings
from unlearning.figures import sensitivity
from unlearning.io.files import read_json
from unlearning.reporting.published import YARDSTICKS
from unlearning.reporting.results import Results
from unlearning.reporting.summary import main_table

WHOLE = r"(<!-- ([\w-]+)/(\w+): begin -->\n).*?(<!-- whole: end -->)"
MARKS = r"(<!-- results of ([\w, -]+?)(?: by ([\w, ]+))?: begin -->\n).*?(<!-- results: end -->)"
BENCHMARKS = r"(<!-- benchmarks: begin -->\n).*?(<!-- benchmarks: end -->)"
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
    """Replace what stands between each pair of marks whose experiments have been run here.

    A mark names one experiment, for its main table; several `by` metrics, to stand side by side; or one `by` metrics,
    which is shown by what its rows change; or one of its tables, to stand whole with its caption.
    """
    results = Path(load_settings({})["results"])

    def replace(match: re.Match) -> str:
        folders = [results / name for name in match[2].split(", ")]
        if not all((folder / "manifest.json").is_file() for folder in folders):
            return match[0]
        if match[3]:
            metrics = match[3].split(", ")
            table = side_by_side(folders, metrics) if len(folders) > 1 else by_setting(*folders, metrics)
        else:
            table = main_part(*folders)
        origins = " ".join(origin(folder) for folder in folders)
        return f"{match[1]}{table}\n\n{origins}\n{match[4]}"

    def whole(match: re.Match) -> str:
        written = results / match[2] / f"{match[3]}.md"
        if not written.is_file():
            return match[0]
        return f"{match[1]}<details><summary>{match[2]}</summary>\n\n{written.read_text()}\n</details>\n{match[4]}"

    tables = "\n\n".join(costs(read_json(path)) for path in sorted(results.glob("benchmark_methods_*.json")))
    for page in (ROOT / "README.md", ROOT / "report" / "results.md"):
        text = re.sub(MARKS, replace, page.read_text(), flags=re.DOTALL)
        text = re.sub(WHOLE, whole, text, flags=re.DOTALL)
        if (measured := results / "benchmark_workflow.json").is_file():
            text = re.sub(r"(?m)^- Planning .*$", lambda _: planning(read_json(measured)["plan"]), text)
        if tables:
            text = re.sub(BENCHMARKS, lambda match: f"{match[1]}{tables}\n{match[2]}", text, flags=re.DOTALL)
        page.write_text(text)
    if (results / "digits" / "figures").is_dir():
        shutil.copyfile(results / "digits" / "figures" / "tradeoff.svg", ROOT / "report" / "readme.svg")


def planning(measured: dict) -> str:
    """What planning a large run costs, in one line."""
    first, again = measured["first"], measured["again"]
    return (
        f"- Planning {first['jobs']} jobs took {first['seconds']:.0f} s and {first['peak_mib']} MiB; again, with "
        f"nothing to do, {again['seconds']:.0f} s. `make bench` measures it."
    )


def costs(measured: dict) -> str:
    """What steps of every method and Hessian-vector products cost on one device, see `benchmarks.methods`; tables."""
    environment, device = measured["environment"], measured["device"]
    parts = [
        f"On {device['gpu'] or environment['cpu']}, threads: {device['threads']}, torch "
        f"{environment['packages']['torch']}, commit {(environment['commit'] or 'none')[:10]}"
        f"{'+' if environment['dirty'] else ''}:"
    ]
    for name in ("mnist", "celeba"):
        each = measured[name]
        for key, title in (("steps", "A step of each row"), ("hessian_vector_products", "A Hessian-vector product")):
            table = pd.DataFrame(each[key]).T.rename(columns=COLUMNS).map(lambda x: "–" if pd.isna(x) else f"{x:g}")
            parts += [f"{title}, model of `{name}`:", table.to_markdown(disable_numparse=True)]
        compiled, loop = each["compiled_training"], each["training_loop_over_bare_arithmetic"]
        parts.append(
            f"Compiled, a training step takes {compiled['step_over_plain_step']} × the time of a plain one, after "
            f"{compiled['seconds_to_compile']} s." + (f" Training takes {loop} × its bare arithmetic." if loop else "")
        )
    return "\n\n".join(parts)


def main_part(folder: Path) -> str:
    """The main table, and the verdicts where there are any."""
    parts = [(folder / "table.md").read_text().split("\n\n")[0]]
    if (folder / "verdicts.csv").is_file():
        verdicts = pd.read_csv(folder / "verdicts.csv")
        counts = ", ".join(f"{count} {name}" for name, count in verdicts["Verdict"].value_counts().items())
        if read_json(folder / "manifest.json")["configuration"]["published"]["settings"] == "as_published":
            too = verdicts["Within tolerance as well"].astype(object).fillna("")
            counts += f" ({(too != '').sum()} of the reproduced so would be by {', '.join(YARDSTICKS)}: *)"
            cells = verdicts["Published"] + " / " + verdicts["Ours, as published"] + ": " + verdicts["Verdict"]
            cells += too.map(lambda others: "*" if others else "")
            table = verdicts.assign(cell=cells).pivot(index="Method", columns="Quantity", values="cell")
            table = table.reindex(verdicts["Method"].unique()).fillna("–").to_markdown()
            summary = f"Published numbers / ours by the same protocol: {counts}. Reasons: report/results.md"
            parts.append(f"<details><summary>{summary}</summary>\n\n{table}\n\n</details>")
        else:
            parts.append(
                f"Published numbers beside these: {counts}, provisionally, for the settings are reduced; "
                "`snakemake check` lists them."
            )
    return "\n\n".join(parts)


def side_by_side(folders: list[Path], metrics: list[str]) -> str:
    """These metrics of several experiments, one row per method; an experiment goes by the end of its name."""
    tables = []
    for folder in folders:
        results = read_results(folder)
        described = results.described
        for metric in metrics:
            described[metric]["label"] = f"{folder.name.split('-')[-1]}: {described[metric]['label']}"
        tables.append(
            main_table(results.metrics, {metric: described[metric] for metric in metrics}).drop(columns="Runs")
        )
    return pd.concat(tables, axis="columns").rename_axis("Method").fillna("–").to_markdown()


def by_setting(folder: Path, metrics: list[str]) -> str:
    """These metrics of the rows that differ from their method's own in one setting, folded: a row per setting."""
    results = read_results(folder)
    values = main_table(results.metrics, {metric: results.described[metric] for metric in metrics})
    swept = pd.concat(
        rows.assign(setting=key.replace("_", " ") + ": " + rows["label"])
        for key, rows in sensitivity.sweeps(results.experiment).items()
    )
    tables = [
        values.drop(columns="Runs").loc[rows["row"]].set_axis(rows["setting"]).add_prefix(f"{base}: ")
        for base, rows in swept.groupby("base", sort=False)
    ]
    settings = dict.fromkeys(swept["setting"])
    table = pd.concat(tables, axis="columns").reindex(settings).rename_axis("Setting").fillna("–").to_markdown()
    return f"<details><summary>{results.experiment['title']}</summary>\n\n{table}\n\n</details>"


def read_results(folder: Path) -> Results:
    """Results of an experiment in its folder."""
    configuration = read_json(folder / "manifest.json")["configuration"]
    accuracy = [path for name in ("judge", "guide") if (path := folder / name / "accuracy.json").is_file()]
    return Results.read(configuration, folder / "metrics.csv", accuracy, folder / "forget_set.json")


def origin(folder: Path) -> str:
    """Where an experiment's numbers come from."""
    manifest = read_json(folder / "manifest.json")
    commits = sorted({f"{(run['commit'] or 'none')[:10]}{'+' if run['dirty'] else ''}" for run in manifest["runs"]})
    torch = sorted({run["packages"]["torch"] for run in manifest["runs"]})
    machines = sorted({run["gpu"] or run["cpu"] for run in manifest["runs"]})
    minutes = sum(pd.read_csv(path, sep="\t")["s"].sum() for path in (folder / "benchmarks").rglob("*.tsv")) / 60
    return (
        f"`{folder.name}`: {len(manifest['configuration']['seeds'])} seeds, commit {', '.join(commits)}, torch "
        f"{', '.join(torch)}, {', '.join(machines)}, one thread per job, {minutes:.0f} minutes of jobs."
    )


if __name__ == "__main__":
    main()
