"""The diffusion transformer, against the formulas of its papers and of the released code."""

import math

import numpy as np
import pytest
import torch

from unlearning.networks import generative
from unlearning.networks.denoising import cumulative_signal, time_features
from unlearning.networks.diffusion_transformer import position_features

SETTINGS = {
    "classes": 3,
    "patch": 2,
    "width": 8,
    "depth": 2,
    "heads": 2,
    "objective": "flow",
    "learned_variance": False,
    "label_dropout": 0.25,
    "guidance": 1,
    "sampler": "euler",
    "sampling_steps": 4,
}
SHAPE = [2, 4, 4]


def make(**changes):
    """A model whose weights are all random: a fresh model predicts 0."""
    model = generative.build({"dit": SETTINGS | changes}, SHAPE, seed=1).double()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


def batch(model, count=5, labels=None):
    """Images, and noise with labels."""
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(count, *SHAPE, generator=generator, dtype=torch.float64)
    labels = torch.arange(count) % 3 if labels is None else labels
    return images, generative.with_labels(model, model.loss_noise(count, generator).double(), labels)


def test_parameters_have_the_names_of_the_released_code():
    layers = {"attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2", "adaLN_modulation.1"}
    names = {f"blocks.{block}.{layer}" for block in (0, 1) for layer in layers}
    names |= {"x_embedder.proj", "t_embedder.mlp.0", "t_embedder.mlp.2"}
    names |= {"final_layer.linear", "final_layer.adaLN_modulation.1"}
    expected = {f"{name}.{kind}" for name in names for kind in ("weight", "bias")}
    assert set(make().state_dict()) == expected | {"y_embedder.embedding_table.weight", "pos_embed"}


def test_learned_variance_doubles_the_last_layer_and_changes_no_prediction():
    model, with_variance = make(), make(learned_variance=True)
    assert with_variance.final_layer.linear.out_features == 2 * model.final_layer.linear.out_features
    images, noise = batch(with_variance)
    assert with_variance.predictions(images, noise).shape == images.shape


def test_positions_are_those_of_the_released_code():
    """Its grid counts columns first; each half of the features belongs to one axis: sines, then cosines."""
    features = position_features(8, 3)[0].numpy()
    for row in range(3):
        for column in range(3):
            expected = [
                function(place * 10000 ** (-k / 2))
                for place in (column, row)
                for function in (math.sin, math.cos)
                for k in range(2)
            ]
            np.testing.assert_allclose(features[3 * row + column], expected, atol=1e-6)


def test_a_fresh_model_predicts_zero():
    model = generative.build({"dit": SETTINGS}, SHAPE, seed=1).double()
    images, noise = batch(model)
    assert not model.predictions(images, noise).any()
    expected = model.targets(images, noise).square().flatten(1).mean(1)
    assert torch.equal(model.losses(images, noise), expected)


def test_patches_come_back_in_place():
    """With one block that changes nothing, an output of a patch depends on the pixels of the same patch alone."""
    model = make(depth=1)
    with torch.no_grad():
        model.blocks[0].adaLN_modulation[1].weight.zero_()
        model.blocks[0].adaLN_modulation[1].bias.zero_()
    images = torch.zeros(1, *SHAPE, dtype=torch.float64)
    changed = images.clone()
    changed[0, 1, 3, 0] = 1  # in the patch of rows 2 and 3, columns 0 and 1
    arguments = torch.tensor([0.5], dtype=torch.float64), torch.tensor([1])
    difference = (model(changed, *arguments) - model(images, *arguments))[0].abs().sum(0) > 0
    expected = torch.zeros(4, 4, dtype=torch.bool)
    expected[2:, :2] = True
    assert torch.equal(difference, expected)


def test_pixels_of_a_token_are_ordered_by_row_column_and_channel():
    """As in the released code's `unpatchify`."""
    model = make(depth=1)
    tokens = torch.randn(2, 4, 8, dtype=torch.float64)
    model.x_embedder["proj"].forward = lambda noisy: (tokens - model.pos_embed).transpose(1, 2).unflatten(2, (2, 2))
    model.blocks[0].forward = lambda tokens, condition: tokens
    time, labels = torch.zeros(2, dtype=torch.float64), torch.tensor([0, 1])
    result = model(torch.zeros(2, *SHAPE, dtype=torch.float64), time, labels)
    condition = model.t_embedder["mlp"](time_features(time, 256)) + model.label_embeddings()[labels]
    patches = model.final_layer(tokens, condition).reshape(2, 2, 2, 2, 2, 2)
    expected = torch.einsum("nhwpqc->nchpwq", patches).reshape(2, 2, 4, 4)
    assert torch.allclose(result, expected, atol=1e-12)


def test_the_loss_of_a_flow():
    model = make().eval()
    images, noise = batch(model)
    gaussian, time = noise[:, :32].reshape(5, *SHAPE), noise[:, 33]
    x = 2 * images - 1
    for k in range(5):
        noisy = (1 - time[k]) * x[k] + time[k] * gaussian[k]
        velocity = model(noisy[None], 1000 * time[k : k + 1], torch.tensor([k % 3]))[0]
        expected = (velocity - (gaussian[k] - x[k])).square().mean()
        assert torch.allclose(model.losses(images, noise)[k], expected, rtol=1e-10)


@pytest.mark.parametrize("objective", ["ddpm_linear", "ddpm_cosine"])
def test_the_loss_of_ddpm(objective):
    model = make(objective=objective, sampler="ddim").eval()
    images, noise = batch(model)
    gaussian, step = noise[:, :32].reshape(5, *SHAPE), noise[:, 33].long()
    signal = cumulative_signal(objective, 1000).double()[step]
    for k in range(5):
        noisy = signal[k].sqrt() * (2 * images[k] - 1) + (1 - signal[k]).sqrt() * gaussian[k]
        predicted = model(noisy[None], step[k : k + 1].double(), torch.tensor([k % 3]))[0]
        expected = (predicted - gaussian[k]).square().mean()
        assert torch.allclose(model.losses(images, noise)[k], expected, rtol=1e-6)


def test_time_steps_of_ddpm_are_whole_and_cover_all():
    noise = make(objective="ddpm_linear", sampler="ddim").loss_noise(20000, torch.Generator().manual_seed(0))
    steps = noise[:, -2]
    assert torch.equal(steps, steps.round())
    assert steps.min() == 0
    assert steps.max() == 999


def test_a_target_takes_the_place_of_the_image():
    model = make().eval()
    images, noise = batch(model)
    assert torch.equal(model.losses(images, noise, target=images.flip(0)), model.losses(images.flip(0), noise))


def test_labels_are_dropped_in_train_mode_alone():
    model = make()
    images, noise = batch(model, 400, torch.zeros(400, dtype=int))
    null = generative.with_labels(model, noise, torch.full((400,), 3))
    dropped = noise[:, -3] < 0.25
    assert 60 < dropped.sum() < 140
    as_null = (model.train().losses(images, noise) - model.losses(images, null)).abs() < 1e-12
    assert torch.equal(as_null, dropped)
    assert not ((model.eval().losses(images, noise) - model.losses(images, null)).abs() < 1e-12).any()


def test_samples_follow_the_guided_velocity():
    model = make(guidance=3, sampling_steps=2).eval()
    latents = model.latents(4, torch.Generator().manual_seed(5)).double()
    images, labels = latents[:, :-1].reshape(4, *SHAPE), latents[:, -1].long()
    for time in (1.0, 0.5):
        at = torch.full((4,), 1000 * time, dtype=torch.float64)
        guided, unguided = model(images, at, labels), model(images, at, torch.full((4,), 3))
        images = images - (unguided + 3 * (guided - unguided)) / 2
    assert torch.allclose(model.samples(latents), ((images + 1) / 2).clamp(0, 1), atol=1e-10)


@pytest.mark.parametrize(
    ("objective", "sampler"), [("flow", "heun"), ("ddpm_linear", "ddim"), ("ddpm_cosine", "dpm_solver")]
)
def test_a_sample_does_not_depend_on_its_batch(objective, sampler):
    model = make(objective=objective, sampler=sampler, guidance=2).eval()
    latents = model.latents(6, torch.Generator().manual_seed(5)).double()
    together = model.samples(latents)
    alone = torch.cat([model.samples(latents[k : k + 1]) for k in range(6)])
    assert torch.allclose(together, alone, atol=1e-10)


def test_latents_draw_each_label_as_often():
    labels = generative.labels_of(make().latents(30000, torch.Generator().manual_seed(0)))
    assert torch.bincount(labels).tolist() == pytest.approx([10000] * 3, rel=0.05)


def test_the_null_label_stands_in_the_noise_of_a_loss():
    model = make()
    assert generative.null_label(model) == 3
    assert set(generative.labels_of(model.loss_noise(10, torch.Generator())).tolist()) == {3}


def test_the_gradient_and_its_derivative_agree_with_finite_differences():
    model = make(depth=1).eval()
    images, noise = batch(model, 2)

    def of_model(weights):
        model.blocks[0].attn.qkv.weight.data.copy_(weights)
        return model.losses(images, noise).sum()

    weights = model.blocks[0].attn.qkv.weight
    (gradient,) = torch.autograd.grad(model.losses(images, noise).sum(), weights, create_graph=True)
    direction = torch.randn(weights.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    (curvature,) = torch.autograd.grad((gradient * direction).sum(), weights)
    start, step = weights.detach().clone(), 1e-5
    gradients = []
    for sign in (1, -1):
        value = of_model(start + sign * step * direction)
        gradients.append((value.item(), torch.autograd.grad(value, weights)[0]))
    slope = (gradients[0][0] - gradients[1][0]) / (2 * step)
    assert slope == pytest.approx((gradient.detach() * direction).sum().item(), rel=1e-6)
    assert torch.allclose((gradients[0][1] - gradients[1][1]) / (2 * step), curvature, rtol=1e-5, atol=1e-7)


def test_parts_are_disjoint_and_depend_on_the_last_blocks():
    model = make()
    parts = {name: model.part(name) for name in ("labels", "attention", "modulation")}
    assert parts["labels"] == {"y_embedder.embedding_table.weight"}
    assert len(parts["attention"]) == 8
    assert len(parts["modulation"]) == 6
    assert not set.intersection(*parts.values())
    last = model.part("modulation", last_blocks=1)
    assert {name.rsplit(".", 3)[0] for name in last} == {"blocks.1", "final_layer"}
    assert model.part("attention", last_blocks=0) == set()
