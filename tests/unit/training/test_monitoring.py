"""What is measured beside the loop: when, how long, and how far a model moved."""

from unlearning.training.monitoring import measured_steps


def test_measured_steps_are_dense_at_first_and_end_with_the_last():
    schedule = [{"until": 4, "every": 1}, {"until": 10, "every": 3}, {"until": 100, "every": 50}]
    assert sorted(measured_steps(schedule, 99)) == [1, 2, 3, 4, 7, 10, 60, 99]
