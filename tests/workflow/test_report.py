"""The HTML report, opened in a headless browser."""

import pytest

from ..clone import FIGURES


@pytest.fixture
def page(copy, browser):
    copy.run("--report", "results/report.html")
    page = browser.new_page()
    page.problems, page.requests = [], []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto((copy.path / "results" / "report.html").as_uri())
    yield page
    page.close()


def test_report_shows_every_figure_and_the_table_with_their_captions_and_the_rules(page):
    page.get_by_text("Machine unlearning, regenerated").wait_for()
    text = page.inner_text("body")
    assert "finetune, ascent, uno" in text
    assert "2 seeds" in text
    page.locator("canvas, svg").first.wait_for()  # the rule graph

    page.get_by_text("Results").first.click()
    page.get_by_text("tiny").first.click()
    for name in [*FIGURES, "table", "explorer"]:
        page.get_by_text(name, exact=True).first.wait_for()

    # The info button of a figure shows its caption, the eye the figure itself.
    row = page.locator("tr, li, div").filter(has_text="tradeoff").last
    row.locator("xpath=ancestor-or-self::*[.//a or .//button][1]").locator("a, button").last.click()
    page.get_by_text("Fréchet distance of the final model's samples").first.wait_for()
    assert page.problems == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:", "blob:"))] == []


def test_results_of_other_settings_are_not_reported(copy):
    """Snakemake hides what an input function raises if the job's output exists, but not the end of the process."""
    copy.replace("configs/tiny.yaml", "threshold: 0.02", "threshold: 0.03")
    done = copy.snakemake("--report", "results/other.html")
    assert done.returncode != 0
    assert (
        "metrics.json: is missing, or was made with other settings, code or inputs; run Snakemake first" in done.stderr
    )
    assert not (copy.path / "results" / "other.html").exists()
