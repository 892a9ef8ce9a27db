"""Every interval in the findings of a published experiment is one that its published tables give."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtrit

from unlearning.io.files import ROOT

NUMBER = r"[+−-]?[\d,]*\.?\d+"
STATED = re.compile(rf"({NUMBER})\s(?:nats|points|percentage points)?\s?\[({NUMBER}),\s({NUMBER})\]")
CELL = re.compile(r"([+-]\S+) \[([+-]\S+), ([+-]\S+)\]")
# Only results that were published with `metrics.csv` have all their numbers in the repository.
PUBLISHED = sorted(path.parent for path in (ROOT / "docs" / "results").glob("*/metrics.csv"))


def value(text):
    return float(text.replace("−", "-").replace(",", ""))


def stands_in(numbers, known):
    """Whether mean, lower and upper end, as written, are those of a row of `known` (n, 3), rounded."""
    values, decimals = [value(each) for each in numbers], [len(each.partition(".")[2]) for each in numbers]
    tolerance = np.maximum(0.51 * 10.0 ** -np.array(decimals), 0.005 * np.abs(known))
    # A sentence may turn a difference around: "UNO takes more" for "fine-tuning takes less".
    turned = -known[:, [0, 2, 1]]
    return any((np.abs(values - candidates) <= tolerance).all(1).any() for candidates in (known, turned))


def of_cells(folder):
    """The differences in the tables of text, (n, 3)."""
    files = [folder / "comparisons.csv", folder / "figures" / "statistics_effect.csv"]
    cells = [pd.read_csv(path, dtype=str).fillna("").to_numpy().ravel() for path in files if path.is_file()]
    found = filter(None, map(CELL.match, np.concatenate(cells)))
    return np.array([list(map(float, each.groups())) for each in found])


def of_pairs(folder):
    """The mean difference of any two rows by any metric, with Student's t interval, (n, 3)."""
    table, known = pd.read_csv(folder / "metrics.csv").dropna(subset="value"), []
    for _, of_metric in table.groupby("metric"):
        values = of_metric.pivot(index="seed", columns="method", values="value").dropna(axis=1).to_numpy()
        differences = (values[:, :, None] - values[:, None]).reshape(len(values), -1)
        mean, count = differences.mean(0), len(values)
        margin = stdtrit(count - 1, 0.975) * differences.std(0, ddof=1) / np.sqrt(count)
        known.append(np.stack([mean, mean - margin, mean + margin], 1))
    return np.concatenate(known)


@pytest.mark.parametrize("folder", PUBLISHED, ids=lambda folder: folder.name)
def test_every_interval_of_the_findings_is_in_the_tables(folder):
    stated = STATED.findall((folder / "findings.md").read_text(encoding="utf-8"))
    assert stated
    known = np.concatenate([of_cells(folder), of_pairs(folder)])
    assert [numbers for numbers in stated if not stands_in(numbers, known)] == []


COUNTED = re.compile(
    r"Of (\d+)(?: published numbers)?, (\d+) are reproduced, (\d+) are not, and (\d+) are not comparable"
)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("docs/results/mnist/findings.md", "mnist"),
        ("docs/results/mnist-authors/findings.md", "mnist-authors"),
        ("README.md", "mnist-authors"),
    ],
)
def test_verdicts_are_counted(file, name):
    verdicts = pd.read_csv(ROOT / "docs" / "results" / name / "verdicts.csv")["Verdict"].value_counts()
    counted = verdicts[["reproduced", "not reproduced", "not comparable"]].tolist()
    text = " ".join((ROOT / file).read_text(encoding="utf-8").split())
    assert COUNTED.findall(text) == [tuple(map(str, (sum(counted), *counted)))]


def test_a_wrong_interval_is_found():
    known = np.array([[1.234, -0.456, 2.924]])
    assert stands_in(("+1.23", "−0.46", "+2.92"), known)
    assert stands_in(("−1.23", "−2.92", "+0.46"), known)
    assert not stands_in(("+1.23", "−0.46", "+2.98"), known)
    assert not stands_in(("+1.23", "+0.46", "+2.92"), known)
