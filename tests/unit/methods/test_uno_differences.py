"""UNO by differences of gradients against UNO by second derivatives, with fused attention, and where it must refuse."""

import pytest
import torch
from torch import nn

from unlearning.methods import uno, uno_differences
from unlearning.networks import generative
from unlearning.networks.fused_attention import fused_attention
from unlearning.networks.generative import with_labels
from unlearning.training.gradients import BatchLoss
from unlearning.training.step import Step
from unlearning.training.vectors import flatten, trainable

DIT = {
    **{"classes": 3, "patch": 2, "width": 16, "depth": 2, "heads": 2, "objective": "flow", "learned_variance": False},
    **{"label_dropout": 0.4, "guidance": 1, "sampler": "euler", "sampling_steps": 2},
}


def make_model(dtype):
    """A transformer with random weights everywhere: those of a new one are zero in its last layer."""
    generator = torch.Generator().manual_seed(0)
    model = generative.build({"dit": DIT}, [1, 8, 8], seed=3).train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
    return model.to(dtype)


def make_step(model, number=2):
    generator, dtype = torch.Generator().manual_seed(1), next(model.parameters()).dtype
    batches = []
    for label in (0, 1):
        images, noise = torch.rand(6, 1, 8, 8, generator=generator), model.loss_noise(6, generator)
        batches.append((images.to(dtype), with_labels(model, noise, torch.full((6,), label)).to(dtype)))
    losses = [BatchLoss(model, lambda batch=batch: batch, "mean") for batch in batches]
    return Step(number, *losses, model=model)


def second_order(method, step):
    """H_f u + H_r v as a method computes them."""
    return (method.direction(step, orthogonality_weight=1.0) - step.retain.gradient).detach()


@pytest.mark.parametrize(("dtype", "error"), [(torch.float64, 3e-3), (torch.float32, 1e-2)])
def test_the_second_order_term_is_nearly_that_of_second_derivatives(dtype, error):
    model = make_model(dtype)
    exact, found = (second_order(method, make_step(model)) for method in (uno, uno_differences))
    assert (found - exact).norm() < error * exact.norm()
    assert exact.norm() > 0.01 * make_step(model).retain.gradient.norm(), "too small to see"


def test_the_error_is_proportional_to_the_length_of_the_differences(monkeypatch):
    model, errors = make_model(torch.float64), []
    exact = second_order(uno, make_step(model))
    for length in (1e-5, 2e-5, 4e-5):
        monkeypatch.setattr(uno_differences, "LENGTH", length)
        errors.append((second_order(uno_differences, make_step(model)) - exact).norm().item())
    assert errors[1] / errors[0] == pytest.approx(2, rel=0.02)
    assert errors[2] / errors[1] == pytest.approx(2, rel=0.02)


@pytest.mark.parametrize(("number", "gradients"), [(1, 6), (2, 4), (25, 4), (26, 6)])
def test_a_step_takes_four_gradients_and_leaves_the_model_as_it_was(monkeypatch, number, gradients):
    model, passes = make_model(torch.float32), []
    before, compute = flatten(trainable(model)).detach().clone(), model.losses
    monkeypatch.setattr(model, "losses", lambda *batch: passes.append(1) or compute(*batch))
    uno_differences.direction(make_step(model, number), orthogonality_weight=1.0)
    assert len(passes) == gradients
    assert torch.equal(flatten(trainable(model)), before)
    assert "forward" not in vars(model.blocks[0].attn)


def test_fused_attention_is_attention():
    model = make_model(torch.float64)
    expected = make_step(model).retain.gradient
    with fused_attention(model):
        loss = make_step(model).retain
        torch.testing.assert_close(loss.gradient, expected, rtol=1e-10, atol=1e-13)
        with pytest.raises(RuntimeError, match="derivative"):
            torch.autograd.grad(loss.gradient_parts[0].sum(), trainable(model), allow_unused=True)


class Kinked(nn.Module):
    """Two of the three weights are beside a kink of the loss, one on each side."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, -1e-6, 1e-6], dtype=torch.float64))

    def losses(self, images, noise):
        smooth, left, right = self.weight
        return images @ torch.stack([smooth.square(), left + 3 * left.relu(), right + 3 * right.relu()])


def test_a_gradient_that_jumps_is_refused():
    model = Kinked()
    batches = [torch.tensor([row], dtype=torch.float64) for row in ([1.0, 2.0, 2.0], [1.0, -1.0, -1.0])]
    losses = [BatchLoss(model, lambda images=images: (images, None), "mean") for images in batches]
    with pytest.raises(ValueError, match=r"changes by \d+ % .* not smooth, as with ReLU, .* use the method 'uno'"):
        uno_differences.direction(Step(1, *losses, model=model), orthogonality_weight=1.0)
