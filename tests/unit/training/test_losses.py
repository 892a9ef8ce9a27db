"""Losses of the unlearning loop."""

import math

import pytest
import torch

from unlearning.training.losses import TINY_SHARE, histogram_loss

from .conftest import build


def test_a_class_that_the_guide_rules_out_leaves_the_histograms_gradient_finite(parts):
    model = build()
    torch.nn.init.zeros_(parts["guide"].output.weight)
    parts["guide"].output.bias.copy_(torch.tensor([0.0, 0.0, -200.0]))  # exp(−200) is 0 in float32
    loss = histogram_loss(model, parts["guide"], torch.tensor([1]), torch.Generator().manual_seed(0), batch_size=8)
    assert loss.value == pytest.approx(math.log(0.5) + 0.5 * math.log(2) - 0.5 * math.log(TINY_SHARE), rel=1e-5)
    assert loss.gradient.isfinite().all()
