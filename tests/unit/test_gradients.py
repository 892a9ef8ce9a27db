"""Losses of a step: gradients, Hessian-vector products, repeatability."""

import numpy as np
import torch

from unlearning.gradients import BatchLoss, cosine, flatten, trainable, unflatten


def test_hessian_product_equals_the_full_hessian_times_the_vector(model, batches):
    names = [name for name, _ in model.named_parameters()]
    start = torch.nn.utils.parameters_to_vector(model.parameters()).detach()

    def loss(vector):
        parts = dict(zip(names, unflatten(vector, list(model.parameters())), strict=True))
        return torch.func.functional_call(
            _Losses(model), {f"model.{k}": v for k, v in parts.items()}, batches["retain"]
        )

    full = torch.autograd.functional.hessian(loss, start)
    vector = torch.randn(len(start), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, hessian = BatchLoss(model, lambda: batches["retain"], "sum").gradient_and_hessian()
    torch.testing.assert_close(hessian(vector), full @ vector, rtol=1e-8, atol=1e-8)


class _Losses(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images, noise):
        return self.model.losses(images, noise).sum()


def test_hessian_product_is_linear_and_can_be_taken_twice(model, batches):
    _, hessian = BatchLoss(model, lambda: batches["retain"], "sum").gradient_and_hessian()
    u, v = torch.randn(2, sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    torch.testing.assert_close(hessian(2 * u - 3 * v), 2 * hessian(u) - 3 * hessian(v))


def test_batch_is_drawn_once_however_often_the_loss_is_asked(model, batches):
    drawn = []

    def draw():
        drawn.append(1)
        return batches["retain"]

    loss = BatchLoss(model, draw, "mean")
    first = loss.gradient
    again = loss.again()
    torch.testing.assert_close(again.gradient, first, rtol=0, atol=0)
    assert loss.value == again.value
    assert len(drawn) == 1


def test_mean_is_the_sum_divided_by_the_batch_size(model, batches):
    sum_, mean = (BatchLoss(model, lambda: batches["forget"], kind).gradient for kind in ("sum", "mean"))
    torch.testing.assert_close(sum_, 6 * mean)


def test_frozen_parameters_are_left_out(model, batches):
    model.encoder.requires_grad_(False)
    size = sum(p.numel() for p in trainable(model))
    assert size < sum(p.numel() for p in model.parameters())
    gradient, hessian = BatchLoss(model, lambda: batches["retain"], "sum").gradient_and_hessian()
    assert gradient.shape == hessian(gradient).shape == (size,)


def test_unflatten_reverses_flatten(model):
    tensors = list(model.parameters())
    for restored, tensor in zip(unflatten(flatten(tensors), tensors), tensors, strict=True):
        torch.testing.assert_close(restored, tensor)


def test_cosine_of_known_vectors():
    assert np.isclose(cosine(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.0])), 2**-0.5)
    assert cosine(torch.tensor([1e-20, 0.0]), torch.tensor([1e-3, 0.0])) > 0.99
    assert cosine(torch.zeros(2), torch.ones(2)) == 0
