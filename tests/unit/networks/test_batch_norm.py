"""Batch normalisation against torch's own, and its second derivatives against finite differences."""

import copy

import pytest
import torch
from torch import nn

from unlearning.networks.batch_norm import BatchNorm2d


@pytest.fixture
def layers():
    """Torch's normalisation and ours with the same random scale and shift, in float64."""
    return alike(nn.BatchNorm2d, BatchNorm2d, 3, momentum=0.3, eps=0.01)


def alike(theirs, ours, *arguments, **keywords):
    torch.manual_seed(0)
    pair = [layer(*arguments, **keywords).double() for layer in (theirs, ours)]
    nn.init.normal_(pair[0].weight)
    nn.init.normal_(pair[0].bias)
    pair[1].load_state_dict(pair[0].state_dict())
    return pair


def random(*shape, seed=0, requires_grad=True):
    normal = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (2 * normal + 3).requires_grad_(requires_grad)


def derivatives(layer, images):
    """The output, its gradients, and the gradients of a function of these."""
    inputs = [part for part in (images, layer.weight, layer.bias) if part.requires_grad]
    output = layer(images)
    first = torch.autograd.grad((output**3).sum(), inputs, create_graph=True)
    mixed = sum((random(*part.shape, seed=7, requires_grad=False) * part).sum() for part in first)
    return output, *first, *torch.autograd.grad(mixed, inputs, materialize_grads=True)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(4, 3, 5, 2), (2, 3, 1, 1)])
def test_outputs_and_two_derivatives_are_those_of_torch(layers, shape, training):
    for layer in layers:
        layer.train(training)
    images = random(*shape)
    theirs, ours = (derivatives(layer, images) for layer in layers)
    for expected, actual in zip(theirs, ours, strict=True):
        torch.testing.assert_close(actual, expected)
    for (name, expected), actual in zip(layers[0].named_buffers(), layers[1].buffers(), strict=True):
        torch.testing.assert_close(actual, expected, msg=name)


def test_second_derivatives_are_those_of_finite_differences(layers):
    _, layer = layers

    def normalise(images, weight, bias):
        return torch.func.functional_call(copy.deepcopy(layer), {"weight": weight, "bias": bias}, (images,))

    # The gradient with respect to the shift is constant, so that it has none of its own.
    assert torch.autograd.gradgradcheck(normalise, (random(4, 3, 2, 3), layer.weight, layer.bias), atol=1e-6)


def test_images_far_from_zero_lose_no_more_than_with_torch(layers):
    images = random(64, 3, 8, 8).detach() + 1000
    exact = derivatives(layers[0], images.clone().requires_grad_())
    errors = []
    for layer in layers:
        rounded = derivatives(layer.float(), images.float().requires_grad_())
        errors.append([((a.double() - b).norm() / b.norm()).item() for a, b in zip(rounded, exact, strict=True)])
    assert all(ours < 3 * theirs + 1e-6 for theirs, ours in zip(*errors, strict=True))
