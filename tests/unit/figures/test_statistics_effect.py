"""The table on running statistics, from made-up results whose answers are known."""

from unlearning.figures.statistics_effect import DIFFERENCE, table

from ..made_up import of_values


def test_every_row_has_its_means_and_the_difference_of_the_same_runs():
    """Differences 1, 2 and 3: Student's t at 2.5 % and two degrees of freedom is 4.303, the standard error 1/√3."""
    name = "running_statistics_{}_forget_fraction".format
    made = of_values(
        {
            (name("as_left"), "uno"): [2.0, 22, 303],
            (name("mixed"), "uno"): [5.0, 5, 5],
            (name("retain"), "uno"): [1.0, 20, 300],
        }
    )
    (row,) = table(made).to_dict("records")
    assert row == {
        "Quantity": "Forget fraction (%)",
        "Method": "uno",
        "as left by the run": "109.0 ± 168.3",
        "retain and forget": "5.00 ± 0.00",
        "retain": "107.0 ± 167.4",
        DIFFERENCE: "+2 [-0.484, +4.48]",
    }


def test_an_experiment_without_the_metric_has_no_such_table():
    assert not len(table(of_values({("fid_retain", "uno"): [1.0, 2, 3]})))
