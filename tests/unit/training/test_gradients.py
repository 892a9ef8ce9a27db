"""Losses of a step: gradients, Hessian-vector products, repeatability."""

import weakref

import numpy as np
import torch

from unlearning.training.gradients import BatchLoss, Loss, cosine, hessian_products, reduce
from unlearning.training.vectors import flatten, trainable, unflatten


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
    loss = BatchLoss(model, lambda: batches["retain"], "sum")
    torch.testing.assert_close(hessian_products((loss, vector)), full @ vector, rtol=1e-8, atol=1e-8)


def test_a_kink_next_to_the_point_does_not_change_a_hessian_product():
    """L = |θ|²/2 + relu(c·θ): the identity, although the gradient jumps within 1e-6 of the point."""
    model, vector = torch.nn.Linear(3, 1, bias=False), torch.tensor([3.0, -1.0, 2.0])
    slope = torch.tensor([1.0, 1.0, 1.0])
    model.weight.data = torch.tensor([[1.0, 1.0, -2.0 - 1e-6]])
    loss = Loss(
        model,
        lambda: None,
        lambda _: model.weight.square().sum() / 2 + 100 * torch.relu(model.weight[0] @ slope),
    )
    torch.testing.assert_close(hessian_products((loss, vector)), vector, rtol=0, atol=0)


class _Losses(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images, noise):
        return self.model.losses(images, noise).sum()


def test_hessian_products_of_two_losses_are_summed_and_can_be_taken_twice(model, batches):
    first, second = (BatchLoss(model, lambda name=name: batches[name], "sum") for name in ("retain", "forget"))
    u, v = torch.randn(2, sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    together = hessian_products((first, 2 * u), (second, -3 * v))
    torch.testing.assert_close(together, 2 * hessian_products((first, u)) - 3 * hessian_products((second, v)))


def test_a_weighted_sum_has_the_gradient_and_curvature_of_its_parts(model, batches):
    first, second = (BatchLoss(model, lambda name=name: batches[name], "sum") for name in ("retain", "forget"))
    total = first.add(0.5, second)
    v = torch.randn(sum(p.numel() for p in model.parameters()), dtype=torch.float64)
    torch.testing.assert_close(total.value, first.value + 0.5 * second.value)
    torch.testing.assert_close(total.gradient, first.gradient + 0.5 * second.gradient)
    torch.testing.assert_close(
        hessian_products((total, v)),
        hessian_products((first, v)) + 0.5 * hessian_products((second, v)),
    )


def test_a_loss_without_part_of_the_parameters_has_no_gradient_there(model):
    """As samples do not depend on the encoder."""
    latents = torch.randn(5, 2, dtype=torch.float64)
    loss = Loss(model, lambda: latents, lambda z: model.samples(z).square().sum())
    encoder = sum(p.numel() for p in model.encoder.parameters())
    assert loss.gradient[:encoder].abs().max() == 0 < loss.gradient[encoder:].abs().max()
    products = hessian_products((loss, torch.ones_like(loss.gradient)))
    assert products[:encoder].abs().max() == 0 < products[encoder:].abs().max()


def test_batch_is_drawn_once_however_often_the_loss_is_asked(model, batches):
    drawn = []

    def draw():
        drawn.append(1)
        return batches["retain"]

    loss = BatchLoss(model, draw, "mean")
    assert not drawn
    loss.draw()
    assert len(drawn) == 1
    repeated = loss.reevaluated()
    torch.testing.assert_close(repeated.gradient, loss.gradient, rtol=0, atol=0)
    assert loss.value == repeated.value
    assert loss.draw() is loss.batch
    assert len(drawn) == 1


def test_a_loss_without_its_graph_keeps_its_gradient(model, batches):
    loss = BatchLoss(model, lambda: batches["retain"], "sum")
    gradient = loss.twice_differentiable_gradient()
    torch.testing.assert_close(gradient, loss.reevaluated().gradient, rtol=0, atol=0)
    assert not gradient.requires_grad
    graph = weakref.ref(loss.graph)
    loss.free_graph()
    assert graph() is None
    assert loss.gradient is gradient
    assert loss.batch is batches["retain"]


def test_mean_is_the_sum_divided_by_the_batch_size(model, batches):
    sum_, mean = (BatchLoss(model, lambda: batches["forget"], kind).gradient for kind in ("sum", "mean"))
    torch.testing.assert_close(sum_, 6 * mean)
    losses = torch.tensor([1.0, 2.0, 6.0])
    assert (reduce(losses, "sum"), reduce(losses, "mean")) == (9, 3)


def test_frozen_parameters_are_left_out(model, batches):
    model.encoder.requires_grad_(False)
    size = sum(p.numel() for p in trainable(model))
    assert size < sum(p.numel() for p in model.parameters())
    loss = BatchLoss(model, lambda: batches["retain"], "sum")
    assert loss.gradient.shape == hessian_products((loss, loss.gradient)).shape == (size,)


def test_unflatten_reverses_flatten(model):
    tensors = list(model.parameters())
    for restored, tensor in zip(unflatten(flatten(tensors), tensors), tensors, strict=True):
        torch.testing.assert_close(restored, tensor)


def test_cosine_of_known_vectors():
    assert np.isclose(cosine(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 0.0])), 2**-0.5)
    assert cosine(torch.tensor([1e-20, 0.0]), torch.tensor([1e-3, 0.0])) > 0.99
    assert cosine(torch.zeros(2), torch.ones(2)) == 0
