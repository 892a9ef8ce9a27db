"""The documentation site: built strictly and without a network, complete, and read in a headless browser."""

import functools
import http.server
import os
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from pathlib import Path

import pytest

from unlearning.evaluation.description import describe_metrics
from unlearning.plugins.describe import plugin_names

ROOT = Path(__file__).resolve().parents[3]
INCLUDED = ["*.md", "*.svg", "*.cff"]  # of such files outside docs/, pages show a part
WIDTHS = (1280, 390)  # of a window: a laptop and a phone
LOADED = {"script": "src", "img": "src", "link": "href", "source": "src", "iframe": "src", "object": "data"}
MISTAKES = {  # on which page, and a part of what the build says
    "no_such_page": "cite.md",
    "no-such-section": "cite.md",
    "isn't included in any toctree": "orphan.md",
}


def build(docs, out):
    """Build as `make docs` does."""
    (command,) = (line for line in (ROOT / "Makefile").read_text().splitlines() if "-m sphinx" in line)
    options = command.partition("-m sphinx ")[2].split()[:-4]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts"), "https_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "sphinx", *options, "-d", out / "doctrees", docs, out / "html"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def copied(tmp_path_factory):
    """A function that copies the sources into a new folder, without pages that an earlier build wrote."""

    def copy():
        folder = tmp_path_factory.mktemp("site")
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "docs", *INCLUDED]
        for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split():
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        return folder / "docs"

    return copy


@pytest.fixture(scope="session")
def docs(copied):
    return copied()


@pytest.fixture(scope="session")
def refused(docs):
    """A build of pages with mistakes, which are mended then: to the next build, all other pages are known."""
    page, orphan = docs / "cite.md", docs / "orphan.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(f"{text}\n[no page](no_such_page.md) [no section](methods.md#no-such-section)\n", encoding="utf-8")
    orphan.write_text("# In no table of contents\n", encoding="utf-8")
    done = build(docs, docs.parent)
    page.write_text(text, encoding="utf-8")
    orphan.unlink()
    (docs.parent / "html" / "orphan.html").unlink()
    return done


@pytest.fixture(scope="session")
def site(docs, refused):
    done = build(docs, docs.parent)
    assert done.returncode == 0, done.stderr
    return docs.parent / "html"


@pytest.fixture(scope="session")
def pages(site):
    return sorted(str(path.relative_to(site)) for path in site.rglob("*.html"))


class Loads(HTMLParser):
    """Addresses of what a page loads by itself, and the ids of its elements."""

    def __init__(self, path):
        super().__init__()
        self.addresses, self.ids = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids.add(attributes.get("id"))
        if tag in LOADED and attributes.get(LOADED[tag]):
            self.addresses.append(attributes[LOADED[tag]])


def test_pages_load_nothing_from_another_machine(site, pages):
    assert len(pages) > 20
    for page in pages:
        for address in Loads(site / page).addresses:
            assert not address.startswith(("http:", "https:", "//")), f"{page}: {address}"
            assert (site / page).parent.joinpath(address.partition("?")[0].partition("#")[0]).exists(), (page, address)
    for sheet in site.rglob("*.css"):
        assert "url(http" not in sheet.read_text(encoding="utf-8").replace('"', "").replace("'", ""), sheet


def test_every_plugin_and_configuration_has_its_section(site):
    configurations = [path.stem for path in (ROOT / "configs").glob("*.yaml")]
    wanted = {
        "methods": {f"method-{name}" for name in plugin_names("methods")},
        "models": {f"model-{name}" for name in plugin_names("models")}
        | {f"dataset-{name}" for name in plugin_names("datasets")},
        "metrics": {f"metric-{name}" for name in plugin_names("metrics")},
        "experiments": {f"experiment-{name}" for name in configurations},
    }
    for page, ids in wanted.items():
        assert {each.replace("_", "-") for each in ids} <= Loads(site / f"{page}.html").ids, page
    for name in configurations:
        assert (site / "results" / f"{name}.html").is_file()
    text = (site / "metrics.html").read_text(encoding="utf-8")
    for name in plugin_names("metrics"):
        for entry in describe_metrics(name).values():
            words = re.split(r"[({]", entry["label"].replace("{bound}", "ELBO"))[0].strip()
            assert words in text, entry["label"]


def test_every_section_of_a_method_has_a_formula_and_a_source(site):
    _, *parts = re.split(r' id="method-([a-z0-9-]+)"', (site / "methods.html").read_text(encoding="utf-8"))
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    assert set(sections) == {name.replace("_", "-") for name in plugin_names("methods")}
    for name, section in sections.items():
        assert '<div class="math">' in section, name
        assert "<strong>Source.</strong>" in section or "see <a" in section, name


def test_the_build_names_each_mistake_and_fails(refused):
    assert refused.returncode != 0
    warnings = [line for line in refused.stderr.splitlines() if "WARNING: " in line]
    for message, page in MISTAKES.items():
        assert any(f"/{page}:" in line and message in line for line in warnings), message
    assert len(warnings) == len(MISTAKES), "no other page has one"


def test_the_build_refuses_experiments_without_a_description(copied):
    docs = copied()
    with (docs / "_pages" / "experiments.yaml").open("a", encoding="utf-8") as file:
        file.write("\nno-such-experiment: {}\n")
    done = build(docs, docs.parent)
    assert done.returncode != 0
    assert "no-such-experiment: the keys must be the names" in done.stderr


@pytest.fixture(scope="session")
def address(site):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def tab(browser, address):
    tab = browser.new_page(viewport={"width": WIDTHS[0], "height": 900})
    tab.problems = []
    tab.on("pageerror", lambda error: tab.problems.append(str(error)))
    tab.on("response", lambda answer: answer.status < 400 or tab.problems.append(f"{answer.status} {answer.url}"))
    tab.on("request", lambda request: request.url.startswith((address, "data:")) or tab.problems.append(request.url))
    yield tab
    tab.close()
    assert tab.problems == []


def test_no_page_scrolls_sideways_and_every_formula_is_rendered(tab, address, pages):
    formulas = 0
    for page in pages:
        tab.goto(f"{address}/{page}")
        for width in WIDTHS:
            tab.set_viewport_size({"width": width, "height": 900})
            taken = tab.evaluate("document.scrollingElement.scrollWidth")
            assert taken <= width, f"{page} is {taken} pixels wide"
        assert tab.locator(".katex-error").count() == 0, page
        assert tab.locator(".math:not(:has(.katex))").count() == 0, page
        formulas += tab.locator(".math").count()
    assert formulas > 50


def test_search_finds_the_page_on_methods(tab, address):
    tab.goto(f"{address}/search.html?q=orthogonality")
    tab.locator("#search-results li a", has_text="Methods").first.wait_for()
    tab.goto(f"{address}/index.html")
    tab.get_by_placeholder("Search").first.fill("slanted")
    tab.keyboard.press("Enter")
    tab.locator("#search-results li a", has_text="Experiments").first.wait_for()
