"""Comparisons between methods, from made-up results whose answers are known."""

import numpy as np
import pytest

from unlearning.reporting import comparisons
from unlearning.reporting.significance import sign_p

from ..made_up import FID, of_values


def cells(values, seeds=3):
    """The cells of a metric that all rows of `values` have."""
    made = of_values({("fid_retain", method): of_method for method, of_method in values.items()})
    made.experiment["seeds"] = list(range(seeds))
    return comparisons.comparisons(made).set_index(["Method", "Compared with"])[FID]


def test_differences_are_paired_by_seed():
    """Differences 1, 2 and 3: Student's t at 2.5 % and two degrees of freedom is 4.303, the standard error 1/√3."""
    found = cells({"finetune": [1.0, 20, 300], "uno": [2.0, 22, 303], "retrain": [0.0, 19, 299]})
    assert found["uno", "finetune"] == "+2 [-0.484, +4.48]"
    assert found["uno", "retrain"] == "+3 [+0.516, +5.48]"
    assert ("finetune", "finetune") not in found.index


def test_from_six_seeds_on_the_median_has_the_interval_of_order_statistics():
    """The range of six, and from the second to the second last of nine: a far value moves neither end."""
    for differences, cell in (
        ([1, 2, 3, 5, 6, 7], "+4 [+1, +7]"),
        ([1, 2, 3, 4, 5, 6, 7, 8, 1000], "+5 [+2, +8]"),
        ([0, 0, 0, 0, 0, 0], "+0 [+0, +0]"),
    ):
        seeds = len(differences)
        found = cells({"finetune": [0.0] * seeds, "uno": differences}, seeds)
        assert found["uno", "finetune"].removesuffix(" *") == cell


def test_equal_differences_of_few_seeds_show_no_spread_and_have_no_interval():
    assert cells({"finetune": [1.0, 20, 300], "uno": [2.0, 21, 301]})["uno", "finetune"] == "+1"


def timed(finetune, uno):
    """Results with as many seeds; negative steps stand for runs that were watched for so long in vain."""
    steps = {"finetune": finetune, "uno": uno}
    made = of_values({("sustained_crossing_steps", method): np.abs(values) for method, values in steps.items()})
    made.metrics["censored"] = [value < 0 for values in steps.values() for value in values]
    made.experiment["seeds"] = list(range(len(uno)))
    return made


def test_times_to_an_event_are_ordered_as_far_as_bounds_allow():
    """Earlier; earlier than a bound; at it; equal; two bounds; a bound below the other's time; later."""
    made = timed([9, -530, -530, 5, -530, 500, 40], [5, 5, 530, 5, -530, -300, 60])
    assert list(comparisons.orders(made, "sustained_crossing_steps", "uno", "finetune")) == [-1, -1, -1, 0, 0, 0, 1]
    table = comparisons.comparisons(made).set_index(["Method", "Compared with"])["Steps to unlearn (steps)"]
    assert table["uno", "finetune"] == "earlier 3, later 1, undecided 3"
    assert table["uno", "retrain"] == "–"


def test_a_run_that_diverged_before_the_event_never_reaches_it():
    """It is later than a run that crossed, whenever that was. The order of two runs that never crossed is not known."""
    made = timed([40, 60, -37, -37, 30], [-37, -37, 60, -37, 37])
    at_37 = made.metrics["value"] == 37
    made.metrics["status"] = np.where(at_37, "diverged", "finished")
    assert list(comparisons.orders(made, "sustained_crossing_steps", "uno", "finetune")) == [1, 1, -1, 0, 1]


def test_an_undecided_run_is_later_than_what_crossed_before_its_bound_and_an_overlap_decides_nothing():
    """The undecided runs had surely not crossed at 50; one of them diverged later, and may have crossed before."""
    made = timed([40, 50, 60, 60, 70, 70], [-50, -50, -50, -50, 90, 90])
    metrics, uno = made.metrics, made.metrics["method"] == "uno"
    metrics["undecided"] = uno & metrics["censored"]
    metrics.loc[uno & (metrics["seed"] == 3), "status"] = "diverged"
    metrics.loc[uno & (metrics["seed"] == 4), "low"] = 70
    metrics.loc[uno & (metrics["seed"] == 5), "low"] = 80
    assert list(comparisons.orders(made, "sustained_crossing_steps", "uno", "finetune")) == [1, 1, 0, 0, 0, 1]


def test_the_same_order_in_every_decided_seed_is_no_chance():
    """2/2⁶ lies below 5 %, 2/2⁵ does not; the undecided seed adds nothing."""
    for decided, star in ((6, " *"), (5, "")):
        made = timed([-530] * (decided + 1), [5] * decided + [-530])
        table = comparisons.comparisons(made).set_index(["Method", "Compared with"])["Steps to unlearn (steps)"]
        assert table["uno", "finetune"] == f"earlier {decided}, later 0, undecided 1{star}"
    assert sign_p(np.array([1, 1, 0])) == sign_p(np.array([-1, -1])) == 0.5
    assert sign_p(np.zeros(3)) == 1


def test_the_mean_of_what_is_only_a_bound_in_some_run_is_not_shown():
    values = {("published_steps", "finetune"): [500.0, 400, 500], ("published_steps", "uno"): [90.0, 100, 95]}
    made, label = of_values(values), "Steps, as published (steps)"
    assert comparisons.comparisons(made)[label][0].startswith("-372")
    made.metrics.loc[made.metrics["value"] == 500, "censored"] = True
    assert comparisons.comparisons(made)[label][0] == "earlier 3, later 0, undecided 0"


def test_methods_are_listed_where_no_metric_can_be_compared():
    table = comparisons.comparisons(of_values({("published_steps", "uno"): [3.0]}))
    assert list(table["Method"]) == ["uno"]


def test_a_single_seed_has_a_difference_but_no_interval():
    values = {("fid_retain", "finetune"): [1.0], ("fid_retain", "uno"): [2.0]}
    assert comparisons.comparisons(of_values(values))[FID][0] == "+1 (1 of 3 seeds)"


def test_a_ruined_run_ruins_the_difference_and_a_lost_pair_is_counted():
    found = cells({"finetune": [100.0, 100, 100], "ascent": [np.inf, 101, 99], "uno": [101.0, 103, None]})
    assert found["ascent", "finetune"] == "+inf"
    assert found["uno", "finetune"] == "+2 [-10.7, +14.7] (2 of 3 seeds)"


@pytest.mark.parametrize(
    ("methods", "seeds", "possible"), [(1, 6, True), (20, 6, False), (20, 9, False), (20, 10, True)]
)
def test_the_caption_counts_seeds_by_the_corrected_test(methods, seeds, possible):
    """The smallest of 20 values is raised 20 times: 2/2⁹ is too few, 2/2¹⁰ is not."""
    made = of_values({("fid_retain", f"method{number}"): range(seeds) for number in range(methods)})
    made.experiment["seeds"] = list(range(seeds))
    assert ("too few seeds" not in comparisons.caption(made)) == possible
    values = {("fid_retain", "retrain"): [0.0] * seeds}
    values |= {("fid_retain", f"method{number}"): np.arange(1.0, seeds + 1) for number in range(methods)}
    made = of_values(values)
    assert all(("*" in cell) == possible for cell in comparisons.comparisons(made)[FID])


def test_the_caption_says_which_interval_stands_in_the_cells():
    results = of_values({("fid_retain", "uno"): [1.0]})
    for seeds, student, order in ((1, False, False), (3, True, False), (6, True, True)):
        results.experiment["seeds"] = list(range(seeds))
        text = comparisons.caption(results)
        assert ("With 2 to 5 pairs of runs: their mean with Student's t interval." in text) == student
        assert ("From 6 pairs on: their median with an interval of order statistics" in text) == order


def test_the_caption_counts_the_tests_that_are_made(monkeypatch):
    """Fine-tuning is compared with the retrained model, too, and so one test more is made there."""
    counts = []
    monkeypatch.setattr(comparisons, "holm", lambda p: counts.append(len(p)) or p)
    rows = ("retrain", "finetune", "uno", "uno_s", "ascent")
    results = of_values({("fid_retain", row): [1.0, 2, 4 + number] for number, row in enumerate(rows)})
    comparisons.comparisons(results)
    with_finetune, with_retrain = [count for count in counts if count]
    assert (
        f"is 0.25 before this correction, 0.75 after it for {with_finetune} methods compared with finetune, "
        f"1 after it for {with_retrain} methods compared with retrain: too few seeds for any"
    ) in comparisons.caption(results)


def test_baselines_are_rows_of_a_method_that_declares_itself_one_under_its_own_name():
    values = {("fid_retain", row): [1.0, 2, 3] for row in ("finetune", "finetune_slow", "uno", "retrain")}
    results = of_values(values)
    results.experiment["methods"]["finetune_slow"] = {"algorithm": "finetune", "learning_rate": 1e-5}
    assert results.baselines == ["finetune"]
    table = comparisons.comparisons(results)
    assert list(zip(table["Method"], table["Compared with"], strict=True)) == [
        ("finetune_slow", "finetune"),
        ("uno", "finetune"),
        ("finetune", "retrain"),
        ("finetune_slow", "retrain"),
        ("uno", "retrain"),
    ]
