"""Random streams."""

import math

import torch

from unlearning.runtime.seeding import stream


def test_streams_are_independent_of_each_other_and_repeatable():
    draws = {
        (seed, purpose): torch.randn(1000, generator=stream(seed, purpose)) for seed in (0, 1) for purpose in ("a", "b")
    }
    assert torch.equal(draws[0, "a"], torch.randn(1000, generator=stream(0, "a")))
    pairs = [(x, y) for x in draws for y in draws if x < y]
    assert all(abs(torch.corrcoef(torch.stack([draws[x], draws[y]]))[0, 1]) < 5 / math.sqrt(1000) for x, y in pairs)
