"""The page on performance: what `make bench` measured, published and rendered."""

from pathlib import Path

import pages
import performance_pages

from benchmarks import table
from unlearning.io.files import write_json
from unlearning.reporting.publishing import publish_benchmarks

ROOT = Path(__file__).resolve().parents[3]
MEMORY = {"peak_mib": 12.771, "memory_over_surgery_retain": 1.0}
GFLOP = {"gflop": 2.0984, "gflop_over_released": 0.59}
FINETUNE = {"ms": 1.5, "over_finetune": 1.0, "over_surgery_retain": 0.5, "over_released": 0.1, **GFLOP, **MEMORY}
UNO = {
    "ms": 6.9,
    "over_finetune": 4.6,
    "over_surgery_retain": None,
    "over_released": 0.6,
    **GFLOP,
    **MEMORY,
    "peak_mib": 2080.5,
}
PRODUCT = {"ms": 3.0, "relative_error": 1.1e-6, "relative_error_without_onednn": 9e-7, "peak_mib": 21.3}
OF_MODEL = {
    "steps": {"finetune": FINETUNE, "uno": UNO},
    "hessian_vector_products": {"reverse_over_reverse": PRODUCT},
    "compiled_training": None,
    "training_loop_over_bare_arithmetic": 1.07,
}
MEASURED = {
    "mnist": OF_MODEL,
    "environment": {"cpu": "a CPU", "packages": {"torch": "2.15.0"}, "commit": "0123456789abc", "dirty": True},
}
TABLE = {
    "table": table.grid_of(table.rows_of({"plan of these jobs (s)": {"today": 17.64, "base": 20.0}})),
    "note": "The base is commit fedcba98.",
    "environment": MEASURED["environment"] | {"cores": 2},
}


def rendered(folder):
    """The page, from what is in a folder of results."""
    publish_benchmarks(folder, folder / "published")
    facts = performance_pages.performance(folder / "published")
    return pages.templates(ROOT / "docs").get_template("performance.md.j2").render(facts)


def test_without_measurements_the_page_names_the_commands(tmp_path):
    assert "make bench\nmake publish\n" in rendered(tmp_path)


def test_what_was_measured_stands_device_by_device(tmp_path):
    for device, gpu in (("cpu", None), ("cuda", "a GPU")):
        compiled = {"compiled_training": {"seconds_to_compile": 31.0, "step_over_plain_step": 0.9}}
        of_celeba = {"celeba": OF_MODEL | compiled} if gpu else {}
        measured = MEASURED | of_celeba | {"device": {"device": device, "gpu": gpu, "threads": 1}}
        write_json(tmp_path / f"benchmark_methods_{device}.json", measured)
    text = rendered(tmp_path)
    lines = text.splitlines()
    assert lines.count("| uno | 6.9 | 4.6 | – | 0.6 | 2.1 | 0.59 |") == 3
    assert lines.count("| uno | 2080 | 1 | 22 | 1.83 |") == 2
    assert lines.count("| uno | 2080 | 1 | 3100 | 2.15 |") == 1
    assert lines.count("| finetune | 12.8 | 1 | – | – |") == 3
    assert lines.count("| reverse_over_reverse | 3 | 1.1e-06 | 9e-07 | 21.3 |") == 3
    assert lines.index("## a CPU") < lines.index("## a GPU")
    assert text.count("commit 0123456789+") == 2
    assert text.count("1.07 × its bare arithmetic.") == 3
    assert text.count("Compiled, a training step takes 0.9 × the time of a plain one, after 31.0 s.") == 1
    assert "make publish" not in text
    assert "an earlier commit" not in text


def test_the_table_of_today_and_the_base_stands_with_its_origin(tmp_path):
    write_json(tmp_path / "benchmark_table.json", TABLE)
    text = rendered(tmp_path)
    lines = text.splitlines()
    header = lines.index("| quantity | today | base | ratio | bound |")
    assert lines[header + 1 : header + 3] == [
        "|:--|:--|:--|:--|:--|",
        "| plan of these jobs (s) | 17.6 | 20 | 0.882 | ≤ 18: met |",
    ]
    assert "on a CPU, 2 cores, at commit 0123456789+. The base is commit fedcba98." in text
    assert "make publish" not in text
