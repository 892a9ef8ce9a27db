"""Verdicts on published numbers and comparisons between methods, from made-up results whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from unlearning.config.load import ROOT
from unlearning.evaluation.description import describe_metrics
from unlearning.plugins.load import load_plugin
from unlearning.reporting import comparisons, published
from unlearning.reporting.published import QUANTITIES, Estimate, verdict_on
from unlearning.reporting.significance import bootstrap_interval, holm, sign_flip_p, sign_p


class Made:
    """Results with given values of each metric, method and seed."""

    def __init__(self, values, censored=()):
        rows = [
            {"metric": metric, "method": method, "seed": seed, "value": value}
            | {"censored": (metric, method) in censored, "status": "diverged" if value is None else "finished"}
            for (metric, method), seeds in values.items()
            for seed, value in enumerate(seeds)
        ]
        self.metrics = pd.DataFrame(rows)
        self.methods = [m for m in dict.fromkeys(self.metrics["method"]) if m not in ("original", "retrain")]
        self.rows = ["original", "retrain", *self.methods]
        self.features = "judge"
        self.experiment = {"dataset": "mnist", "seeds": [0, 1, 2], "published": {"settings": "reduced"}}
        self.described = {"fid_retain": {"label": "FID", "unit": "", "table": True}}
        for file in ("step_time", "time_to_unlearn", "as_published", "completion_fid"):
            self.described |= describe_metrics(file)

    def values(self, metric, *methods):
        table = self.metrics[(self.metrics["metric"] == metric) & self.metrics["value"].notna()]
        return table[table["method"].isin(methods)] if methods else table


def cell(method, metric, mean, std=np.nan, as_run=np.nan, relative=0.25, absolute=0.0):
    return {
        "dataset": "mnist",
        "method": method,
        "metric": metric,
        "mean": mean,
        "std": std,
        "runs": 10,
        "relative_tolerance": relative,
        "absolute_tolerance": absolute,
        "as_run": as_run,
    }


def verdict(results, *cells):
    return published.verdicts(results, pd.DataFrame(cells))


def test_steps_are_compared_as_they_are_and_those_of_the_row_that_was_run():
    values = {
        ("published_steps", "uno"): [90, 100, 95],
        ("published_steps", "uno_as_run"): [3, 2, 3],
        ("sustained_crossing_steps", "uno"): [160, 170, 500],
        ("sustained_crossing_steps", "uno_as_run"): [3, 2, 4],
    }
    table = verdict(
        Made(values),
        cell("uno", "steps_to_unlearn", 2.7, 0.46),
        cell("uno", "steps_to_unlearn", 2.7, 0.46, "uno_as_run"),
    )
    assert list(table["Verdict"]) == ["not reproduced", "reproduced"]
    assert list(table["Ours, rigorous"]) == ["170 (3/3)", "3 (3/3)"]
    assert list(table["our_value"]) == pytest.approx([95, 8 / 3])
    assert "ours is uno_as_run, which the released code ran" in table["Reason"][1]
    assert "uno as described gives 95" in table["Reason"][1]


def test_the_figure_shows_what_the_verdicts_compare():
    """Ratios to the original for distances; filled the row that was run, hollow the one as described, with errors."""
    values = {
        ("published_fid", "original"): [10.0, 10, 10],
        ("published_fid", "uno"): [50.0, 50, 50],
        ("published_fid", "uno_as_run"): [25.0, 30, 35],
    }
    made = Made(values)
    judged = verdict(made, cell("original", "fid", 20.0), cell("uno", "fid", 60.0, 3.0, "uno_as_run"))
    made.verdicts, made.conditions = lambda: judged, lambda: "Conditions."
    figure, _ = load_plugin("figures", "published").draw(made)
    described, ran = sorted(
        (bars for bars in figure.axes[0].containers), key=lambda bars: -bars.lines[0].get_ydata()[0]
    )
    assert list(ran.lines[0].get_xydata()[0]) == pytest.approx([3, 3])
    assert list(described.lines[0].get_xydata()[0]) == pytest.approx([3, 5])
    assert described.lines[0].get_markerfacecolor() == "none" != ran.lines[0].get_markerfacecolor()
    across, upwards = (np.ptp(bar.get_segments()[0], axis=0) / 2 for bar in ran.lines[2])
    assert across == pytest.approx([2 * 3 / 20 / np.sqrt(10), 0])
    assert upwards == pytest.approx([0, 2 * 0.5 / np.sqrt(3)])
    assert figure.axes[0].get_title() == "FID\nin units of original"


def test_a_number_that_another_row_made_is_not_passed_off_as_the_methods_own():
    values = {("published_steps", "uno"): [3, 3, 3], ("published_steps", "uno_as_run"): [90, 91, 92]}
    (found,) = verdict(Made(values), cell("uno", "steps_to_unlearn", 3, 0.4, "uno_as_run"))["Verdict"]
    assert found == "not reproduced"
    del values["published_steps", "uno_as_run"]
    table = verdict(Made(values), cell("uno", "steps_to_unlearn", 3, 0.4, "uno_as_run"))
    assert table["Verdict"][0] == "not comparable"
    assert "no uno_as_run, which the released code ran under this name" in table["Reason"][0]


def test_a_number_that_doing_nothing_reproduces_too_is_marked():
    values = {
        ("published_fid", "original"): [40, 41, 40],
        ("published_fid", "retrain"): [60, 61, 60],
        ("published_fid", "finetune"): [41, 40, 42],
        ("published_fid", "uno"): [42, 42, 43],
        ("published_fid", "ascent"): [80, 81, 80],
    }
    cells = [
        cell(method, "fid", mean, relative=0.1) for method, mean in (("original", 20), ("uno", 21), ("ascent", 41))
    ]
    table = verdict(Made(values), *cells)
    assert list(table["Verdict"]) == ["not comparable", "reproduced", "reproduced"]
    assert list(table["Within tolerance as well"]) == ["", "original, finetune", ""]


def test_censored_runs_are_bounds_in_the_rigorous_column():
    key = ("sustained_crossing_steps", "uno")
    values = {("published_steps", "uno"): [9, 9, 9], key: [500, 500, 500]}
    assert verdict(Made(values, {key}), cell("uno", "steps_to_unlearn", 9, 1))["Ours, rigorous"][0] == "> 500 (0/3)"


def test_times_are_compared_as_ratios_of_what_was_measured_side_by_side():
    values = {
        ("ms_per_step", "surgery_retain"): [1, 1, 1],
        ("ms_per_step", "uno"): [50, 60, 70],  # a slower hour of the machine
        ("step_time_ratio", "surgery_retain"): [2, 2, 2],
        ("step_time_ratio", "uno"): [6, 6, 6],
    }
    cells = cell("surgery_retain", "time_per_step", 7.0, 0.1), cell("uno", "time_per_step", 20.0, 0.1)
    table = verdict(Made(values), *cells)
    assert list(table["Verdict"]) == ["not comparable", "reproduced"]
    assert "(3 × surgery_retain)" in table["Ours, as published"][1]


def test_runs_too_short_to_be_timed_side_by_side_decide_nothing():
    values = {
        ("ms_per_step", "surgery_retain"): [1, 1, 1],
        ("ms_per_step", "ascent"): [1, 1, 1],
        ("step_time_ratio", "surgery_retain"): [2, None, None],
        ("step_time_ratio", "uno"): [6, 6, 6],
        ("ms_per_step", "uno"): [3, 3, 3],
    }
    cells = [
        cell(method, "time_per_step", mean) for method, mean in (("surgery_retain", 7), ("ascent", 4), ("uno", 21))
    ]
    table = verdict(Made(values), *cells)
    assert set(table["Verdict"]) == {"not comparable"}
    assert "timed beside" in table["Reason"][1]
    assert "more seeds are needed" in table["Reason"][2], "the unit rests on one run"


def test_another_quantity_is_not_compared_however_near_it_is():
    results = Made({("published_fid", method): [100.0] * 3 for method in ("original", "uno")})
    note = "another distance"
    rows = [
        cell(method, "fid", 100.0, 1.0, relative=np.nan, absolute=np.nan) | {"note": note} for method in results.rows
    ]
    table = verdict(results, *rows)
    assert list(table["Verdict"]) == ["not comparable"] * 3
    assert list(table["Reason"]) == [note] * 3
    assert list(table["Published"][:1]) == ["100 ± 1"]


def test_what_was_not_run_or_has_no_value_is_not_comparable():
    values = {("published_steps", "finetune"): [5.0, 5, 5]}
    table = verdict(Made(values), cell("esd", "steps_to_unlearn", 3), cell("finetune", "fid", 20))
    assert list(table["Verdict"]) == ["not comparable"] * 2
    assert "no such row" in table["Reason"][0]


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        (Estimate.of(2.8, 0.4, 10), "reproduced"),
        (Estimate.of(90.0, 20.0, 10), "not reproduced"),
        (Estimate.of(53.0, 66.0, 2), "not comparable"),
        (Estimate.of(2.7, 60.0, 2), "not comparable"),
        (Estimate.of(2.7, np.nan, 1), "not comparable"),
        (Estimate.of(300.0, np.nan, 1), "not comparable"),
        # Bounds decide where the true value can only lie further off.
        (Estimate.of(500.0, 0.0, 10, at_least=True), "not reproduced"),
        (Estimate.of(2.7, 0.1, 10, at_least=True), "not comparable"),
        (Estimate.of(0.1, 0.0, 10, at_least=True), "not comparable"),
        (Estimate.of(0.1, 0.0, 10).over(Estimate.of(1.0, 0.0, 10, at_least=True)), "not reproduced"),
        (Estimate.of(2.7, 0.0, 10).over(Estimate.of(1.0, 0.0, 10, at_least=True)), "not comparable"),
        (Estimate.of(90.0, 0.0, 10).over(Estimate.of(1.0, 0.0, 10, at_least=True)), "not comparable"),
    ],
)
def test_neither_scatter_nor_a_bound_makes_or_breaks_agreement(ours, expected):
    assert verdict_on(Estimate.of(2.7, 0.46, 10), ours, 0.25, 1.0)[0] == expected


def test_the_error_of_a_ratio_is_that_of_many_repetitions():
    generator = np.random.default_rng(0)
    over, under = generator.normal(5, 1, (20000, 10)).mean(1), generator.normal(-100, 20, (20000, 10)).mean(1)
    ratio = Estimate.of(5, 1, 10).over(Estimate.of(-100, 20, 10))
    assert ratio.mean == -0.05
    assert np.sqrt(ratio.squared_error) == pytest.approx(np.std(over / under), rel=0.05)


def test_what_never_crossed_decides_only_as_far_as_a_bound_can():
    """Twice the steps would double a censored mean, and with it the ratios to it."""
    keys = [("published_steps", "finetune"), ("published_relative_time", "surgery_retain")]
    values = {
        keys[0]: [500, 500, 500],
        keys[1]: [1000, 1000, 1000],
        ("published_seconds", "surgery_retain"): [9, 9, 9],
        ("published_seconds", "uno"): [1, 1, 1],
        ("published_relative_time", "uno"): [50, 50, 50],
    }
    table = verdict(
        Made(values, keys),
        cell("finetune", "steps_to_unlearn", 500, 1),
        cell("surgery_retain", "time_to_unlearn", 1.0, 0.1),
        cell("uno", "time_to_unlearn", 0.05, 0.001),
    )
    assert list(table["Verdict"]) == ["not comparable"] * 3
    assert table["Ours, as published"][0] == "500 ± 0 (0/3)"
    for row in (0, 2):
        assert "only a bound" in table["Reason"][row]


def test_runs_that_are_lost_are_named_beside_the_verdict_on_the_others():
    values = {("published_steps", "uno"): [2.7, 2.7, None]}
    table = verdict(Made(values), cell("uno", "steps_to_unlearn", 2.7, 0.1))
    assert list(table["Verdict"]) == ["reproduced"]
    assert "1 of 3 runs have no value: 1 of 3 runs diverged" in table["Reason"][0]


@given(st.floats(0.1, 1e4), st.floats(0.1, 1e4), st.floats(0, 10), st.integers(2, 20), st.floats(0, 1))
def test_a_verdict_never_improves_as_the_numbers_move_apart(theirs, ours, spread, runs, tolerance):
    order = ["reproduced", "not comparable", "not reproduced"]
    further = ours + np.sign(ours - theirs or 1) * 10
    near, far = (
        verdict_on(Estimate.of(theirs, 0.1, 10), Estimate.of(mean, spread, runs), tolerance, 0.0)[0]
        for mean in (ours, further)
    )
    assert order.index(far) >= order.index(near)


def test_every_published_file_is_complete_and_names_its_source():
    for path in (ROOT / "published").glob("*.csv"):
        table = pd.read_csv(path)
        assert set(table["metric"]) <= set(QUANTITIES)
        assert table["source"].str.len().min() > 10
        tolerances = table[["relative_tolerance", "absolute_tolerance"]].notna()
        assert (tolerances.all(axis=1) == tolerances.any(axis=1)).all()
        assert table.loc[~tolerances.all(axis=1), "note"].notna().all(), "what is not compared must have its reason"
        assert table.loc[table["mean"].isna(), "note"].notna().all(), "a missing number must have its reason"
        assert not table.duplicated(["dataset", "method", "metric"]).any()


def test_a_number_that_could_not_be_had_is_said_to_be_missing():
    values = {("completion_fid_heldout_forget", "i2i"): [1.0, 2, 3]}
    row = cell("i2i", "completion_fid_forget", np.nan) | {"note": "not at hand"}
    table = verdict(Made(values), row)
    assert list(table["Verdict"]) == ["not comparable"]
    assert list(table["Published"]) == ["–"]
    assert list(table["Reason"]) == ["published value not available: not at hand"]
    assert list(table["Ours, rigorous"]) == ["2 ± 1"]


def test_published_values_are_those_of_the_papers_tables():
    table = pd.read_csv(ROOT / "published" / "uno.csv").set_index(["dataset", "method", "metric"])["mean"]
    assert table["mnist", "uno", "steps_to_unlearn"] == 2.7
    assert table["mnist", "surgery_retain", "steps_to_unlearn"] == 143.7
    assert table["celeba", "uno", "time_per_step"] == 175.7


def test_differences_are_paired_by_seed():
    values = {
        ("fid_retain", "finetune"): [1.0, 20, 300],
        ("fid_retain", "uno"): [2.0, 21, 301],
        ("fid_retain", "retrain"): [0.0, 19, 299],
    }
    table = comparisons.comparisons(Made(values)).set_index(["Method", "Compared with"])
    assert table.loc[("uno", "finetune"), "FID"] == "+1 [+1, +1]"
    assert table.loc[("uno", "retrain"), "FID"] == "+2 [+2, +2]"
    assert ("finetune", "finetune") not in table.index


def timed(finetune, uno):
    """Results with as many seeds; negative steps stand for runs that were watched for so long in vain."""
    steps = {"finetune": finetune, "uno": uno}
    made = Made({("sustained_crossing_steps", method): np.abs(values) for method, values in steps.items()})
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
    made, label = Made(values), "Steps, as published (steps)"
    assert comparisons.comparisons(made)[label][0].startswith("-372")
    made.metrics.loc[made.metrics["value"] == 500, "censored"] = True
    assert comparisons.comparisons(made)[label][0] == "earlier 3, later 0, undecided 0"


@pytest.mark.parametrize(("seeds", "covered"), [(2, 0.5), (3, 0.75), (5, 0.92), (10, 0.95), (20, 0.95)])
def test_intervals_cover_the_true_mean_as_often_as_they_can(seeds, covered):
    """Plain 2.5 and 97.5 % percentiles do so for 80, 84 and 90 % of the samples of 4, 5 and 10 normal values."""
    samples = np.random.default_rng(0).normal(size=(600, seeds))
    hits = [low <= 0 <= high for low, high in (bootstrap_interval(sample, resamples=2000) for sample in samples)]
    assert np.mean(hits) == pytest.approx(covered, abs=0.03)
    assert covered <= 1 - 2.0 ** (1 - seeds) + 1e-9


def test_sign_flips_are_exact():
    """All eight flips of (1, 2, 3) have means ±6, ±4, ±2, ±0 thirds: two of eight are as far out."""
    assert sign_flip_p(np.array([1.0, 2, 3])) == pytest.approx(2 / 8)
    assert sign_flip_p(np.arange(1.0, 11)) == pytest.approx(2 / 2**10)
    assert sign_flip_p(np.array([1.0, -1])) == 1


def test_holm_on_the_textbook_case():
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([])).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_lies_between_no_correction_and_bonferroni(p):
    p = np.array(p)
    assert (holm(p) >= p - 1e-12).all()
    assert (holm(p) <= np.minimum(1, p * len(p)) + 1e-12).all()


def test_bootstrap_interval_of_many_values_is_that_of_the_central_limit():
    values = np.random.default_rng(0).normal(3, 2, 4000)
    low, high = bootstrap_interval(values, resamples=2000)
    expected = stats.norm.interval(0.95, values.mean(), values.std() / np.sqrt(4000))
    np.testing.assert_allclose([low, high], expected, atol=0.01)
    assert (low, high) == bootstrap_interval(values, resamples=2000)


def test_methods_are_listed_where_no_metric_can_be_compared():
    table = comparisons.comparisons(Made({("published_steps", "uno"): [3.0]}))
    assert list(table["Method"]) == ["uno"]


def test_a_single_seed_has_a_difference_but_no_interval():
    values = {("fid_retain", "finetune"): [1.0], ("fid_retain", "uno"): [2.0]}
    assert comparisons.comparisons(Made(values))["FID"][0] == "+1 (1 of 3 seeds)"


def test_a_ruined_run_ruins_the_difference_and_a_lost_pair_is_counted():
    values = {
        ("fid_retain", "finetune"): [100.0, 100, 100],
        ("fid_retain", "ascent"): [np.inf, 101, 99],
        ("fid_retain", "uno"): [101.0, 101, None],
    }
    table = comparisons.comparisons(Made(values)).set_index(["Method", "Compared with"])["FID"]
    assert table["ascent", "finetune"] == "+inf"
    assert table["uno", "finetune"] == "+1 [+1, +1] (2 of 3 seeds)"


def test_captions_say_what_the_settings_allow():
    results = Made({("fid_retain", "uno"): [1.0]})
    results.conditions = lambda: "Conditions."
    assert "squeezes" not in published.caption(results)
    results.experiment["dataset"] = "celeba"
    assert "The paper's data differ: its code squeezes the whole 178×218 pixels" in published.caption(results)
    assert "provisional" in published.caption(results)
    assert "with 3 seeds covers the true one at most 75 % of the time" in comparisons.caption(results)
    assert "too few seeds" in comparisons.caption(results)


@pytest.mark.parametrize(
    ("methods", "seeds", "possible"), [(1, 6, True), (20, 6, False), (20, 9, False), (20, 10, True)]
)
def test_the_caption_counts_seeds_by_the_corrected_test(methods, seeds, possible):
    """The smallest of 20 values is raised 20 times: 2/2⁹ is too few, 2/2¹⁰ is not."""
    made = Made({("fid_retain", f"method{number}"): range(seeds) for number in range(methods)})
    made.experiment["seeds"], made.conditions = list(range(seeds)), lambda: "Conditions."
    assert ("too few seeds" not in comparisons.caption(made)) == possible
    values = {("fid_retain", "retrain"): [0.0] * seeds}
    values |= {("fid_retain", f"method{number}"): np.arange(1.0, seeds + 1) for number in range(methods)}
    made = Made(values)
    assert all(("*" in cell) == possible for cell in comparisons.comparisons(made)["FID"])
