"""Verdicts on published numbers, from made-up results whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unlearning.io.files import ROOT
from unlearning.reporting import published
from unlearning.reporting.estimates import Estimate
from unlearning.reporting.published import verdict_on
from unlearning.reporting.quantities import read_published, read_quantities

from ..made_up import QUANTITIES, cell, of_values, verdict

HATS = ("uno_histogram", "uno_s_histogram")


def test_steps_are_compared_as_they_are_and_those_of_the_row_that_was_run():
    values = {
        ("published_steps", "uno"): [90, 100, 95],
        ("published_steps", "uno_as_run"): [3, 3, 3],
        ("sustained_crossing_steps", "uno"): [160, 170, 500],
        ("sustained_crossing_steps", "uno_as_run"): [3, 2, 4],
    }
    table = verdict(
        of_values(values),
        cell("uno", "steps_to_unlearn", 2.7, 0.46),
        cell("uno", "steps_to_unlearn", 2.7, 0.46, "uno_as_run"),
    )
    assert list(table["Verdict"]) == ["not reproduced", "reproduced"]
    assert list(table["Ours, rigorous"]) == ["170 (3/3)", "3 (3/3)"]
    assert list(table["our_value"]) == pytest.approx([95, 3])
    assert "ours is uno_as_run, which the released code ran" in table["Reason"][1]
    assert "uno as described gives 95" in table["Reason"][1]


def test_a_number_that_another_row_made_is_not_passed_off_as_the_methods_own():
    values = {("published_steps", "uno"): [3, 3, 3], ("published_steps", "uno_as_run"): [90, 91, 92]}
    (found,) = verdict(of_values(values), cell("uno", "steps_to_unlearn", 3, 0.4, "uno_as_run"))["Verdict"]
    assert found == "not reproduced"
    del values["published_steps", "uno_as_run"]
    table = verdict(of_values(values), cell("uno", "steps_to_unlearn", 3, 0.4, "uno_as_run"))
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
    table = verdict(of_values(values), *cells)
    assert list(table["Verdict"]) == ["not comparable", "reproduced", "reproduced"]
    assert list(table["Within tolerance as well"]) == ["", "original, finetune", ""]


def test_censored_runs_are_bounds_in_the_rigorous_column():
    key = ("sustained_crossing_steps", "uno")
    values = {("published_steps", "uno"): [9, 9, 9], key: [500, 500, 500]}
    assert (
        verdict(of_values(values, {key}), cell("uno", "steps_to_unlearn", 9, 1))["Ours, rigorous"][0] == "> 500 (0/3)"
    )


def test_times_are_compared_as_ratios_of_what_was_measured_side_by_side():
    values = {
        ("ms_per_step", "surgery_retain"): [1, 1, 1],
        ("ms_per_step", "uno"): [50, 60, 70],  # a slower hour of the machine
        ("step_time_ratio", "surgery_retain"): [2, 2, 2],
        ("step_time_ratio", "uno"): [6, 6, 6],
    }
    cells = cell("surgery_retain", "time_per_step", 7.0, 0.1), cell("uno", "time_per_step", 20.0, 0.1)
    table = verdict(of_values(values), *cells)
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
    table = verdict(of_values(values), *cells)
    assert set(table["Verdict"]) == {"not comparable"}
    assert "timed beside" in table["Reason"][1]
    assert "more seeds are needed" in table["Reason"][2], "the unit rests on one run"


def test_another_quantity_is_not_compared_however_near_it_is():
    results = of_values({("published_fid", method): [100.0] * 3 for method in ("original", "uno")})
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
    table = verdict(of_values(values), cell("esd", "steps_to_unlearn", 3), cell("finetune", "fid", 20))
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


@pytest.mark.parametrize("runs", [2, 3, 10])
def test_chance_refuses_a_published_mean_in_at_most_5_per_cent_of_cases(runs):
    """The true mean is at the tolerance. Two standard errors of two runs refuse in 15 % of cases."""
    samples = np.random.default_rng(runs).normal(12, 1, (1000, runs))
    found = [
        verdict_on(Estimate.of(10, np.nan, np.nan), Estimate.of(mean, std, runs), 0.2, 0.0)[0]
        for mean, std in zip(samples.mean(axis=1), samples.std(axis=1, ddof=1), strict=True)
    ]
    assert found.count("not reproduced") <= 50


def test_published_deviations_divide_by_the_number_of_runs():
    """Ten whole numbers have a whole sum of squares. The digits of the table show that only n as divisor fits."""
    table = pd.read_csv(ROOT / "published" / "uno.csv")
    exact = table[(table["metric"] == "steps_to_unlearn") & (table["runs"] == 10) & table["std"].between(0.4, 2)]
    assert len(exact) > 5
    with_n = 10 * (exact["std"] ** 2 + exact["mean"] ** 2)
    with_n_less_1 = 9 * exact["std"] ** 2 + 10 * exact["mean"] ** 2
    assert (abs(with_n - with_n.round()) < 0.01).all()
    assert (abs(with_n_less_1 - with_n_less_1.round()) > 0.1).any()
    values = {("published_steps", "ascent"): [4.6, 4.6, 4.6]}
    row = verdict(of_values(values), cell("ascent", "steps_to_unlearn", 4.6, 0.6633)).iloc[0]
    assert row["published_error"] == pytest.approx(2.262157 * 0.6633 / 3)
    assert row["Published"] == "4.6 ± 0.66"


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
        of_values(values, keys),
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
    table = verdict(of_values(values), cell("uno", "steps_to_unlearn", 2.7, 0.1))
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


def test_a_quantity_that_is_not_described_is_an_error_that_says_where_to_describe_it():
    results = of_values({("published_fid", "uno"): [1.0, 2, 3]})
    with pytest.raises(ValueError, match=r"metric beauty: add it to published/quantities\.yaml"):
        verdict(results, cell("uno", "beauty", 1.0))


def test_a_wrong_key_of_a_quantity_is_an_error_that_names_the_entry(tmp_path):
    (tmp_path / "quantities.yaml").write_text("fid: {lable: FID, as_published: published_fid, rigorous: fid_retain}\n")
    with pytest.raises(ValueError, match=r"quantities\.yaml: fid: .*'lable'"):
        read_quantities(tmp_path / "quantities.yaml")


def test_a_number_that_could_not_be_had_is_said_to_be_missing():
    values = {("completion_fid_heldout_forget", "i2i"): [1.0, 2, 3]}
    row = cell("i2i", "completion_fid_forget", np.nan) | {"note": "not at hand"}
    table = verdict(of_values(values), row)
    assert list(table["Verdict"]) == ["not comparable"]
    assert list(table["Published"]) == ["–"]
    assert list(table["Reason"]) == ["published value not available: not at hand"]
    assert list(table["Ours, rigorous"]) == ["2 ± 1"]


def test_published_values_are_those_of_the_papers_tables():
    table = pd.read_csv(ROOT / "published" / "uno.csv").set_index(["dataset", "method", "metric"])["mean"]
    assert table["mnist", "uno", "steps_to_unlearn"] == 2.7
    assert table["mnist", "surgery_retain", "steps_to_unlearn"] == 143.7
    assert table["celeba", "uno", "time_per_step"] == 175.7


def test_single_logged_runs_are_shown_and_not_compared():
    """However near: the runs of the corrected code are single ones, and the memory is of another quantity."""
    files = [ROOT / "published" / f"{name}.csv" for name in ("uno", "uno-corrected")]
    numbers = read_published(files)
    logs = numbers[numbers["table"] == "uno-corrected"]
    assert sorted(logs["method"]) == sorted([*["finetune", "surgery_retain", "uno", "uno_s"] * 2, *HATS])
    assert (logs["runs"] == 1).all()
    crossed = logs[~(logs["mean"] >= logs["logged_steps"])].set_index("method")["mean"]
    assert crossed.to_dict() == {"finetune": 18, "uno": 7, **dict.fromkeys(HATS, 3)}
    table = published.verdicts(of_values({("published_steps", "uno"): [7.0, 7, 7]}), numbers, QUANTITIES)
    assert len(table) == (numbers["dataset"] == "mnist").sum()
    shown = table[(table["table"] == "uno-corrected") | (table["metric"] == "peak_memory")]
    assert len(shown) == len(logs) + 3
    assert set(shown["Verdict"]) == {"not comparable"}
    uno = shown[(shown["Method"] == "uno") & (shown["above_again"] == 45)].iloc[0]
    assert (uno["Published"], uno["Ours, as published"], uno["logged_steps"]) == ("7", "7 ± 0", 53)
    assert uno["Reason"] == "a single run, whose scatter is not known; above the threshold again at step 45 of 53"
    (memory,) = shown.loc[(shown["metric"] == "peak_memory") & (shown["Method"] == "uno"), "Reason"]
    assert "1.83 × surgery_retain" in memory


def test_the_caption_says_what_the_settings_allow():
    results = of_values({("fid_retain", "uno"): [1.0]})
    assert "squeezes" not in published.caption(results)
    results.experiment.update(dataset="celeba", forget_set={"attribute": "Male"})
    assert "The paper's data differ: its code squeezes the whole 178×218 pixels" in published.caption(results)
    assert published.caption(results).startswith("**The settings are smaller than the paper's: all verdicts are provis")
    results.experiment["published"]["settings"] = "as_published"
    assert "provisional" not in published.caption(results)
