"""Means with errors, and their ratios."""

import numpy as np
import pytest

from unlearning.reporting.estimates import Estimate


def test_the_error_of_a_ratio_is_that_of_many_repetitions():
    generator = np.random.default_rng(0)
    over, under = generator.normal(5, 1, (20000, 10)).mean(1), generator.normal(-100, 20, (20000, 10)).mean(1)
    ratio = Estimate.of(5, 1, 10).over(Estimate.of(-100, 20, 10))
    assert ratio.mean == -0.05
    assert np.sqrt(ratio.squared_error) == pytest.approx(np.std(over / under), rel=0.05)
