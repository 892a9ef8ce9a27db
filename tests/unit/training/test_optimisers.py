"""Optimisers on the flat vector against torch's own."""

import copy

import torch

from unlearning.training.optimisers import SGD, Adam, moments_by_name, state_from_moments
from unlearning.training.vectors import trainable, unflatten


def test_steps_are_those_of_torch_optim_adam(model):
    theirs = copy.deepcopy(model)
    model.mean.bias.requires_grad_(False)
    theirs.mean.bias.requires_grad_(False)
    ours, reference = Adam(model, 0.01), torch.optim.Adam(trainable(theirs), lr=0.01)
    generator = torch.Generator().manual_seed(0)
    size = sum(parameter.numel() for parameter in trainable(model))
    for _ in range(20):
        direction = torch.randn(size, generator=generator, dtype=torch.float64)
        ours.descend(direction)
        for parameter, part in zip(trainable(theirs), unflatten(direction, trainable(theirs)), strict=True):
            parameter.grad = part
        reference.step()
    for name, tensor in theirs.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-12, atol=1e-12)


def test_adamw_steps_are_those_of_torch(model):
    """With torch's own schedule and clipping; weight decay on weights, not on biases, as in MAE."""
    theirs = copy.deepcopy(model)
    ours = Adam(model, 0.01, second_moment=0.95, weight_decay=0.3, warm_up=6, clip=20.0)
    weights, biases = ([p for p in theirs.parameters() if (p.dim() > 1) == kind] for kind in (True, False))
    groups = [{"params": weights, "weight_decay": 0.3}, {"params": biases, "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.LambdaLR(reference, lambda step: min(1, (step + 1) / 6))
    generator = torch.Generator().manual_seed(0)
    size = sum(parameter.numel() for parameter in trainable(model))
    lengths = []
    for step in range(12):
        direction = torch.randn(size, generator=generator, dtype=torch.float64) * (step + 1) * 20 / (6 * size**0.5)
        lengths.append(direction.norm().item())
        ours.descend(direction)
        for parameter, part in zip(trainable(theirs), unflatten(direction, trainable(theirs)), strict=True):
            parameter.grad = part
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 20.0)
        reference.step()
        schedule.step()
    assert min(lengths) < 20 < max(lengths)
    for name, tensor in theirs.state_dict().items():
        torch.testing.assert_close(model.state_dict()[name], tensor, rtol=1e-6, atol=1e-9)


def test_loaded_weights_are_the_ones_that_are_stepped(model):
    optimizer = Adam(model, 0.01)
    before = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}
    model.load_state_dict(before)
    optimizer.descend(torch.ones(sum(parameter.numel() for parameter in model.parameters()), dtype=torch.float64))
    assert all(torch.allclose(parameter, torch.tensor(-0.01, dtype=torch.float64)) for parameter in model.parameters())


def test_state_goes_on_where_it_was(model):
    twin = copy.deepcopy(model)
    directions = torch.randn(4, sum(parameter.numel() for parameter in model.parameters()), dtype=torch.float64)
    whole, first = Adam(model, 0.01), Adam(twin, 0.01)
    for direction in directions:
        whole.descend(direction)
    for direction in directions[:2]:
        first.descend(direction)
    second = Adam(twin, 0.01)
    second.load_state(first.state)
    for direction in directions[2:]:
        second.descend(direction)
    for name, tensor in model.state_dict().items():
        assert torch.equal(twin.state_dict()[name], tensor)


def test_sgd_steps_along_the_negative_direction(model):
    before = torch.nn.utils.parameters_to_vector(model.parameters()).detach().clone()
    direction = torch.randn(len(before), dtype=torch.float64)
    SGD(model, 0.25).descend(direction)
    torch.testing.assert_close(torch.nn.utils.parameters_to_vector(model.parameters()), before - 0.25 * direction)


def test_moments_by_name_become_the_same_state_again(model):
    model.mean.bias.requires_grad_(False)
    optimizer = Adam(model, 0.01)
    optimizer.descend(torch.randn(len(optimizer.state["exp_avg"]), dtype=torch.float64))
    moments = moments_by_name(model, optimizer.state)
    assert moments["mean.weight.exp_avg"].shape == model.mean.weight.shape
    assert "mean.bias.exp_avg" not in moments
    state = state_from_moments(model, moments)
    assert state.keys() == optimizer.state.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in optimizer.state.items())
