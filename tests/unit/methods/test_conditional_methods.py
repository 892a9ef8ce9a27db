"""The methods for models with labels against plain formulas that share no code with them, in float64."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logsumexp, softmax

from unlearning.networks import generative
from unlearning.networks.classifier import Classifier, Ensemble
from unlearning.networks.generative import with_labels
from unlearning.plugins.load import load_plugin
from unlearning.runtime.checkpoint import Checkpoint
from unlearning.training.gradients import BatchLoss
from unlearning.training.settings import UnlearningInputs, UnlearningSettings
from unlearning.training.step import Setup, Step
from unlearning.training.unlearn import unlearn
from unlearning.training.vectors import flatten, trainable

CLASSES, FORGOTTEN, NULL, BATCH = 3, 1, 3, 6
PIXELS = 16
DIT = {
    "classes": CLASSES,
    "patch": 2,
    "width": 8,
    "depth": 1,
    "heads": 2,
    "learned_variance": False,
    "label_dropout": 0.4,
    "guidance": 1,
    "sampling_steps": 2,
}
MODELS = {
    "flow": {"dit": DIT | {"objective": "flow", "sampler": "euler"}},
    "ddpm": {"dit": DIT | {"objective": "ddpm_linear", "sampler": "ddim"}},
    "vae": {"conditional_vae": {"classes": CLASSES, "hidden_units": [5], "latent_dimensions": 2, "label_dropout": 0.4}},
}
DENOISING = ["flow", "ddpm"]


@pytest.fixture(autouse=True)
def double():
    """Random numbers and images in float64."""
    torch.set_default_dtype(torch.float64)
    with pytest.MonkeyPatch.context() as patched:
        for name in ("salun", "salun_labels", "selective_amnesia_labels", "retrack"):
            module = load_plugin("methods", name)
            if hasattr(module, "as_float"):
                patched.setattr(module, "as_float", lambda images: images.to(torch.get_default_dtype()) / 255)
        yield
    torch.set_default_dtype(torch.float32)


class World:
    """A model, its images and labels, and a step on them.

    Attributes:
        model: in train mode, with random weights everywhere: those of a new DiT are zero in its last layer.
        images: {retain, forget}: (8, 1, 4, 4) uint8.
        labels: {retain, forget}: (8,).
    """

    def __init__(self, kind, seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.model = generative.build(MODELS[kind], [1, 4, 4], seed=3).double().train()
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))
        self.images = {
            name: torch.randint(256, (8, 1, 4, 4), generator=generator).to(torch.uint8) for name in ("retain", "forget")
        }
        self.labels = {"retain": torch.tensor([0, 2] * 4), "forget": torch.full((8,), FORGOTTEN)}
        self.batches = {}
        for name, images in self.images.items():
            noise = with_labels(self.model, self.model.loss_noise(BATCH, generator), self.labels[name][:BATCH])
            self.batches[name] = images[:BATCH].double() / 255, noise

    def setup(self, **changes):
        arguments = {
            "teacher": copy.deepcopy(self.model).eval().requires_grad_(False),
            **self.images,
            "batch_size": 3,
            "reduction": "sum",
            "guide": None,
            "forgotten_classes": [FORGOTTEN],
            "generator": torch.Generator().manual_seed(5),
            **{f"{name}_labels": labels for name, labels in self.labels.items()},
        }
        return Setup(**arguments | changes)

    def step(self, method, reduction="sum", **parameters):
        """A step with what the method prepares, and with the generator of seed 13."""
        module, prepared = load_plugin("methods", method), None
        if hasattr(module, "prepare"):
            prepared = module.prepare(self.setup(), **parameters)
        losses = [BatchLoss(self.model, lambda n=name: self.batches[n], reduction) for name in ("retain", "forget")]
        return Step(1, *losses, None, self.model, prepared, torch.Generator().manual_seed(13))

    def direction(self, method, **parameters):
        return load_plugin("methods", method).direction(self.step(method, **parameters), **parameters).detach()

    def gradient(self, loss):
        """∇ of a scalar with a graph, parameter by parameter."""
        self.model.zero_grad()
        loss.backward()
        return torch.cat(
            [torch.zeros(p.numel()) if p.grad is None else p.grad.ravel() for p in self.model.parameters()]
        )

    def network(self, noisy, time, labels, model=None):
        """What the transformer itself predicts for noisy images (B, 1, 4, 4)."""
        model = model or self.model
        return model(noisy, time if len(model.signal) else 1000 * time, labels)

    def scales(self, time):
        """γ and σ of times (B,), each (B, 1, 1, 1), by the definition of the process."""
        if not len(self.model.signal):
            gamma, sigma = 1 - time, time
        else:
            variances = torch.linspace(1e-4, 0.02, 1000)
            kept = torch.tensor(np.cumprod(1 - variances.numpy())).float().double()[time.long()]
            gamma, sigma = kept.sqrt(), (1 - kept).sqrt()
        return gamma.view(-1, 1, 1, 1), sigma.view(-1, 1, 1, 1)

    def noisy(self, images, noise):
        """x_t, ε, t of images in [0, 1] and noise."""
        epsilon, time = noise[:, :PIXELS].view(-1, 1, 4, 4), noise[:, -2]
        gamma, sigma = self.scales(time)
        return gamma * (2 * images - 1) + sigma * epsilon, epsilon, time


@pytest.fixture(params=MODELS)
def world(request):
    return World(request.param)


@pytest.fixture(params=DENOISING)
def denoising(request):
    return World(request.param)


def close(actual, expected, rtol=1e-9):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-10 * float(expected.abs().max()))


def labels_dropped(world, noise):
    """The labels that a model in train mode sees: those whose uniform number is below the share become null."""
    uniform = noise[:, -2] if world.model.__class__.__module__.endswith("conditional_vae") else noise[:, -3]
    return torch.where(uniform < 0.4, NULL, noise[:, -1].long())


def plain_losses(world, images, noise, drop=True):
    """The model's loss (B,) in eval mode, with labels dropped by hand."""
    labels = labels_dropped(world, noise) if drop else noise[:, -1].long()
    world.model.eval()
    losses = world.model.losses(images, torch.cat([noise[:, :-1], labels[:, None].double()], 1))
    world.model.train()
    return losses


def test_kept_labels_drops_none_and_puts_the_share_back(world):
    images, noise = world.batches["forget"]
    assert (labels_dropped(world, noise) == NULL).any()
    with generative.kept_labels(world.model):
        kept = world.model.losses(images, noise)
    torch.testing.assert_close(kept, plain_losses(world, images, noise, drop=False), rtol=0, atol=0)
    torch.testing.assert_close(world.model.losses(images, noise), plain_losses(world, images, noise), rtol=0, atol=0)


def test_noise_between_makes_the_same_noisy_images(denoising):
    (images, noise), (others, _) = denoising.batches["retain"], denoising.batches["forget"]
    other_noise = denoising.model.noise_between(images, noise, others)
    close(denoising.noisy(others, other_noise)[0], denoising.noisy(images, noise)[0])
    assert (other_noise[:, PIXELS:] == noise[:, PIXELS:]).all()


def exchanged(world):
    """The retain images, with noise under the labels to forget, drawn as a method draws it."""
    images, _ = world.batches["retain"]
    noise = world.model.loss_noise(BATCH, torch.Generator().manual_seed(13))
    noise[:, -1] = FORGOTTEN
    return images, noise


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_relabel_descends_the_retain_loss_under_both_labels(world, weight):
    loss = plain_losses(world, *world.batches["retain"]).sum() + weight * plain_losses(world, *exchanged(world)).sum()
    close(world.direction("relabel", exchange_weight=weight), world.gradient(loss))


def test_uno_relabel_without_orthogonality_is_relabel_bit_for_bit(world):
    expected = world.direction("relabel", exchange_weight=0.7)
    assert torch.equal(world.direction("uno_relabel", orthogonality_weight=0, exchange_weight=0.7), expected)
    # The same by UNO's own formula, whose gradients have a graph and therefore another last bit.
    close(world.direction("uno_relabel", orthogonality_weight=1e-30, exchange_weight=0.7), expected, rtol=1e-12)


def test_surgery_with_exchange_is_orthogonal_to_the_forget_gradient(world):
    d = world.direction("surgery_retain_relabel", exchange_weight=0.7)
    g_r = world.direction("relabel", exchange_weight=0.7)
    g_f = world.gradient(plain_losses(world, *world.batches["forget"]).sum())
    close(d, g_r - (g_r @ g_f) / (g_f @ g_f) * g_f)
    assert abs(d @ g_f) < 1e-9 * d.norm() * g_f.norm()


@pytest.mark.parametrize(("number", "alike"), [(1, "uno_relabel"), (2, "surgery_retain_relabel")])
def test_uno_s_with_exchange_takes_turns(world, number, alike):
    settings = {"exchange_weight": 0.7} | ({"orthogonality_weight": 50} if number == 1 else {})
    step = dataclasses.replace(world.step("uno_s_relabel", orthogonality_weight=50, exchange_weight=0.7), number=number)
    direction = load_plugin("methods", "uno_s_relabel").direction(step, orthogonality_weight=50, exchange_weight=0.7)
    close(direction.detach(), world.direction(alike, **settings))


def test_uno_relabel_is_the_gradient_of_its_loss(world):
    """L_r + w L_x + λ cos²(∇L_f, ∇(L_r + w L_x)), by a central difference along the direction and along two others."""
    d = world.direction("uno_relabel", orthogonality_weight=50, exchange_weight=0.7).numpy()
    exchange = exchanged(world)

    def loss():
        kept = plain_losses(world, *world.batches["retain"]).sum() + 0.7 * plain_losses(world, *exchange).sum()
        g_r = world.gradient(kept).numpy()
        g_f = world.gradient(plain_losses(world, *world.batches["forget"]).sum()).numpy()
        return kept.item() + 50 * (g_f @ g_r) ** 2 / ((g_f @ g_f) * (g_r @ g_r))

    point = torch.nn.utils.parameters_to_vector(world.model.parameters()).detach()
    generator, h = np.random.default_rng(0), 1e-4
    for w in (d, *generator.normal(size=(2, len(d)))):
        unit, total = torch.from_numpy(w / np.linalg.norm(w)), 0.0
        for offset, coefficient in {h: 8, -h: -8, 2 * h: -1, -2 * h: 1}.items():
            torch.nn.utils.vector_to_parameters(point + offset * unit, world.model.parameters())
            total += coefficient * loss() / (12 * h)
        torch.nn.utils.vector_to_parameters(point, world.model.parameters())
        assert total == pytest.approx(d @ unit.numpy(), rel=1e-5, abs=1e-6 * np.linalg.norm(d))


@pytest.mark.parametrize(("to", "row"), [("null_label", NULL), (2, 2)])
def test_remap_changes_the_row_of_the_forgotten_label_and_nothing_else(world, to, row):
    module, step = load_plugin("methods", "remap"), world.step("remap", to=to)
    before = {name: value.clone() for name, value in world.model.state_dict().items()}
    assert torch.equal(module.direction(step, to=to), torch.zeros_like(flatten(trainable(world.model))))
    for _ in range(2):  # the second time changes nothing
        module.edit(step, to=to)
        changed = [name for name, value in world.model.state_dict().items() if not torch.equal(value, before[name])]
        (name,) = changed
        rows = world.model.state_dict()[name]
        assert rows.shape[0] == CLASSES + 1
        expected = before[name].clone()
        expected[FORGOTTEN] = before[name][row]
        assert torch.equal(rows, expected)
    assert world.model.label_embeddings().requires_grad


def test_remap_refuses_what_is_no_label_to_keep():
    world, module = World("vae"), load_plugin("methods", "remap")
    for to in (FORGOTTEN, NULL, 7):
        with pytest.raises(
            ValueError, match=rf"to = {to}: must be null_label or a class to retain: 0 … 2 without \[1\]"
        ):
            module.prepare(world.setup(), to=to)
    with pytest.raises(ValueError, match="no whole class"):
        module.prepare(world.setup(forgotten_classes=[]), to="null_label")


@pytest.mark.parametrize("strength", [1.0, 3.0])
def test_esd_leads_away_from_the_label(denoising, strength):
    images, noise = denoising.batches["forget"]
    original = copy.deepcopy(denoising.model).eval()
    step = denoising.step("esd", erasing_strength=strength)
    with torch.no_grad():
        for parameter in denoising.model.parameters():
            parameter.mul_(1.1)  # away from the original
    x_t, _, time = denoising.noisy(images, noise)
    forgotten, null = torch.full((BATCH,), FORGOTTEN), torch.full((BATCH,), NULL)
    with torch.no_grad():
        conditional, free = (denoising.network(x_t, time, labels, original) for labels in (forgotten, null))
    error = denoising.network(x_t, time, forgotten) - ((1 + strength) * free - strength * conditional)
    expected = denoising.gradient(error.square().flatten(1).mean(1).sum())
    close(load_plugin("methods", "esd").direction(step, erasing_strength=strength), expected)


def test_salun_labels_learns_another_label_on_the_salient_half(denoising):
    step = denoising.step("salun_labels", retain_weight=0.1)
    d = load_plugin("methods", "salun_labels").direction(step, retain_weight=0.1).detach()
    salient = load_plugin("methods", "salun_labels").movable(step.prepared)
    assert d.shape == salient.shape
    assert 0.3 < salient.double().mean() <= 0.5
    assert (d[~salient] == 0).all()

    generator, total = torch.Generator().manual_seed(5), 0
    denoising.model.eval()
    for part in (slice(0, 3), slice(3, 6), slice(6, 8)):  # batches of 3
        images = denoising.images["forget"][part] / 255.0
        noise = denoising.model.loss_noise(len(images), generator)
        noise[:, -1] = FORGOTTEN
        total = total + denoising.gradient(denoising.model.losses(images.double(), noise).sum())
    denoising.model.train()
    assert torch.equal(salient, total.abs() > total.abs().median())

    other = torch.tensor([0, 2])[torch.randint(2, (BATCH,), generator=torch.Generator().manual_seed(13))]
    x_t, _, time = denoising.noisy(*denoising.batches["forget"])
    target = denoising.network(x_t, time, other).detach()
    error = denoising.network(x_t, time, torch.full((BATCH,), FORGOTTEN)) - target
    retain = plain_losses(denoising, *denoising.batches["retain"]).sum()
    expected = denoising.gradient(error.square().mean((1, 2, 3)).sum() + 0.1 * retain)
    close(d, salient * expected)


def test_a_label_that_is_all_of_the_data_cannot_be_replaced():
    world = World("flow")
    mixed = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    with pytest.raises(ValueError, match="no label is left"):
        load_plugin("methods", "salun_labels").retained_labels(world.setup(forget_labels=mixed))


@pytest.mark.parametrize("name", ["salun_labels", "selective_amnesia_labels"])
def test_mask_and_fisher_diagonal_cover_the_trainable_part(name):
    world = World("flow")
    parameters = {"retain_weight": 1.0}
    if name == "selective_amnesia_labels":
        parameters = {"elasticity_weight": 1.0, "fisher_samples": 2, "replay_samples": 2}
    kept = world.model.part("attention")
    for parameter_name, parameter in world.model.named_parameters():
        parameter.requires_grad_(parameter_name in kept)
    setup = world.setup(trainable=sorted(kept))
    prepared = load_plugin("methods", name).prepare(setup, **parameters)
    count = sum(parameter.numel() for parameter in trainable(world.model))
    assert (prepared.salient if name == "salun_labels" else prepared.fisher).shape == (count,)
    assert not trainable(setup.teacher)


def test_selective_amnesia_labels_is_the_gradient_of_its_three_losses(world):
    parameters = {"elasticity_weight": 10.0, "fisher_samples": 4, "replay_samples": 5}
    step = world.step("selective_amnesia_labels", **parameters)
    memory, original = step.prepared, copy.deepcopy(world.model).eval()

    generator = torch.Generator().manual_seed(5)
    latents = original.latents(4, generator)
    samples = (original.samples(latents) * 255).round().detach() / 255
    start, fisher = torch.nn.utils.parameters_to_vector(world.model.parameters()).detach(), 0
    world.model.eval()
    for number in range(4):
        noise = world.model.loss_noise(1, generator)
        noise[:, -1] = latents[number, -1]
        fisher = fisher + world.gradient(world.model.losses(samples[number : number + 1], noise).sum()) ** 2 / 4
    world.model.train()
    close(memory.fisher, fisher)
    labels = torch.tensor([0, 2])[torch.randint(2, (5,), generator=generator)]
    latents = original.latents(5, generator)
    latents[:, -1] = labels
    samples = (original.samples(latents) * 255).round().detach() / 255

    with torch.no_grad():
        for parameter in world.model.parameters():
            parameter.add_(0.05)  # away from the original, where the elastic term is zero
    generator = torch.Generator().manual_seed(13)
    uniform, drawn = torch.rand(BATCH, 1, 4, 4, generator=generator), torch.randint(5, (BATCH,), generator=generator)
    replay_noise = world.model.loss_noise(BATCH, generator)
    replay_noise[:, -1] = labels[drawn]
    _, noise = world.batches["forget"]
    loss = plain_losses(world, uniform, noise, drop=False).sum()
    loss = loss + plain_losses(world, samples[drawn], replay_noise, drop=False).sum()
    point = torch.nn.utils.parameters_to_vector(world.model.parameters())
    expected = world.gradient(loss + 10 * BATCH * (fisher * (point - start) ** 2).sum())
    close(load_plugin("methods", "selective_amnesia_labels").direction(step, **parameters), expected, rtol=1e-7)


def siss_gradients(world, mixture, label):
    """g_x and g_a of the noisy images of the step, by the formulas of the table; the noisy images themselves."""
    (x, noise), (a, _) = world.batches["retain"], world.batches["forget"]
    branch = torch.rand(BATCH, generator=torch.Generator().manual_seed(13)) < mixture
    x, a = 2 * x - 1, 2 * a - 1
    epsilon, time = noise[:, :PIXELS].view(-1, 1, 4, 4), noise[:, -2]
    gamma, sigma = world.scales(time)
    m = gamma * torch.where(branch.view(-1, 1, 1, 1), a, x) + sigma * epsilon
    e_x, e_a = (m - gamma * x) / sigma, (m - gamma * a) / sigma
    d_x, d_a = ((m - gamma * each).square().flatten(1).sum(1) / (2 * sigma.ravel() ** 2) for each in (x, a))
    w_x = 1 / ((1 - mixture) + mixture * torch.exp(d_x - d_a))
    w_a = 1 / ((1 - mixture) * torch.exp(d_a - d_x) + mixture)
    flow = not len(world.model.signal)
    gradients = []
    for weight, target in ((w_x, e_x - x if flow else e_x), (w_a, e_a - a if flow else e_a)):
        prediction = world.network(m, time, torch.full((BATCH,), NULL if label == "null_label" else FORGOTTEN))
        gradients.append(world.gradient((weight * (prediction - target).square().mean((1, 2, 3))).sum()))
    return gradients


@pytest.mark.parametrize("label", ["null_label", "forgotten_label"])
@pytest.mark.parametrize(("mixture", "scale"), [(0.5, 1e-3), (0.2, 5.0)])
def test_siss_subtracts_the_weighted_forget_gradient(denoising, label, mixture, scale):
    d = denoising.direction("siss", label=label, mixture=mixture, forget_scale=scale)
    g_x, g_a = siss_gradients(denoising, mixture, label)
    expected = g_x - scale * g_a / g_a.norm()
    assert expected.norm() > 1
    assert d.norm() == pytest.approx(1)
    close(d, expected / expected.norm())


def test_siss_needs_one_forward_pass():
    world, passes = World("ddpm"), []
    world.model.register_forward_hook(lambda *_: passes.append(1))
    world.direction("siss", label="null_label", mixture=0.5, forget_scale=5.0)
    assert len(passes) == 1


@pytest.mark.parametrize("kind", DENOISING)
def test_both_importance_sampled_gradients_of_siss_are_those_of_two_passes_in_the_mean(kind):
    """Over noise that is drawn, and over both branches, which are enumerated, at a time at which the branches overlap.

    The gradients are compared along 20 random directions. The tolerance is five standard errors of the difference,
    measured between 40 batches of draws; and these errors are small beside the gradient itself.
    """
    world, mixture, draws = World(kind), 0.3, 150
    generator = torch.Generator().manual_seed(1)
    pair = torch.rand(2, 1, 1, 4, 4, generator=generator).expand(2, draws, 1, 4, 4)
    directions = torch.randn(sum(p.numel() for p in world.model.parameters()), 20, generator=generator)
    sampled, direct = [], []
    for _ in range(40):
        noise = world.model.loss_noise(draws, generator)
        noise[:, -2] = 0.6 if kind == "flow" else 350
        noise[:, -1] = NULL
        both = [load_plugin("methods", "siss").mixture_losses(world.model, b, noise, pair, mixture) for b in pair]
        for number, image in enumerate(pair):
            mixed = (1 - mixture) * both[0][number].mean() + mixture * both[1][number].mean()
            slopes = torch.autograd.grad(mixed, list(world.model.parameters()), retain_graph=True)
            sampled.append(flatten(slopes) @ directions)
            direct.append(world.gradient(world.model.losses(image, noise).mean()) @ directions)
    sampled, direct = (torch.stack(each).view(40, 2, 20) for each in (sampled, direct))
    error = (sampled - direct).mean(0).abs()
    tolerance = 5 * (sampled - direct).std(0) / 40**0.5
    assert (error < tolerance).all()
    assert (tolerance.norm(dim=1) < 0.5 * direct.mean(0).norm(dim=1)).all()
    assert ((direct[:, 0] - direct[:, 1]).mean(0).abs() > tolerance).any()  # the test tells one target from the other


def test_neggrad_normalised_subtracts_a_forget_gradient_of_fixed_length(world):
    g_r, g_f = (world.gradient(plain_losses(world, *world.batches[name]).sum()) for name in ("retain", "forget"))
    close(world.direction("neggrad_normalised", forget_scale=5.0), g_r - 5 * g_f / g_f.norm())


@pytest.mark.parametrize("label", ["null_label", "forgotten_label"])
def test_retrack_leads_noisy_images_to_near_retained_ones(denoising, label):
    d = denoising.direction("retrack", label=label, neighbours=3, redirect_weight=0.2)
    retain, forget = (denoising.images[name].numpy().reshape(8, PIXELS) / 255 for name in ("retain", "forget"))
    generator = torch.Generator().manual_seed(13)
    drawn = torch.randint(8, (BATCH,), generator=generator)
    noise = denoising.model.loss_noise(BATCH, generator)
    x_t, _, time = denoising.noisy(denoising.images["forget"][drawn].double() / 255, noise)
    prediction = denoising.network(x_t, time, torch.full((BATCH,), NULL if label == "null_label" else FORGOTTEN))
    gamma, sigma = (each.ravel() for each in denoising.scales(time))
    loss = 0
    for i, number in enumerate(drawn.tolist()):
        near = np.argsort(np.linalg.norm(retain - forget[number], axis=1))[:3]
        candidates = torch.from_numpy(2 * retain[near] - 1)
        v = (x_t[i].ravel() - gamma[i] * candidates) / sigma[i]
        p = softmax(-(v.numpy() ** 2).sum(1) / 2)
        targets = v if len(denoising.model.signal) else v - candidates
        for k in range(3):
            loss = loss + p[k] * (prediction[i].ravel() - targets[k]).square().mean()
    retained = plain_losses(denoising, *denoising.batches["retain"]).sum()
    close(d, denoising.gradient(0.2 * loss + 0.8 * retained), rtol=1e-7)


def test_retrack_with_all_neighbours_is_least_at_the_exact_denoiser_of_the_retained_data(denoising, monkeypatch):
    """The mean of ε, or of ε − x, over the posterior of a retained image given x_t, by Bayes' rule."""
    model, retain = denoising.model, denoising.images["retain"].numpy().reshape(8, PIXELS) / 127.5 - 1
    generator = torch.Generator().manual_seed(13)
    images = denoising.images["forget"][torch.randint(8, (BATCH,), generator=generator)].double() / 255
    noise = model.loss_noise(BATCH, generator)
    x_t, _, time = denoising.noisy(images, noise)
    gamma, sigma = (each.numpy().ravel() for each in denoising.scales(time))
    exact = np.empty((BATCH, PIXELS))
    for i, point in enumerate(x_t.numpy().reshape(BATCH, PIXELS)):
        likelihood = [-(((point - gamma[i] * x) / sigma[i]) ** 2).sum() / 2 for x in retain]
        posterior = np.exp(likelihood - logsumexp(likelihood))
        clean = posterior @ retain
        epsilon = (point - gamma[i] * clean) / sigma[i]
        exact[i] = epsilon if len(model.signal) else epsilon - clean
    candidates = denoising.images["retain"].double()[None].expand(BATCH, 8, 1, 4, 4) / 255
    free = torch.from_numpy(exact).view(BATCH, 1, 4, 4).requires_grad_()
    monkeypatch.setattr(model, "predictions", lambda *_: free)
    loss = load_plugin("methods", "retrack").redirection(model, images, noise, candidates).sum()
    (slope,) = torch.autograd.grad(loss, free)
    assert slope.abs().max() < 1e-10
    for seed in range(3):  # and it is the least value, for the loss is a parabola with this minimum
        moved = free.detach() + 0.1 * torch.randn(free.shape, generator=torch.Generator().manual_seed(seed))
        monkeypatch.setattr(model, "predictions", lambda *_, m=moved: m)
        assert load_plugin("methods", "retrack").redirection(model, images, noise, candidates).sum() > loss


def test_retrack_takes_all_retained_images_if_they_are_fewer():
    step = World("flow").step("retrack", label="null_label", neighbours=100, redirect_weight=0.1)
    assert step.prepared.nearest.shape == (8, 8)


@pytest.mark.parametrize(("weighting", "margin"), [("fixed", 0.1), ("adaptive", 0.1), ("adaptive", 0.0)])
def test_erasediff_learns_forget_images_with_uniform_noise(denoising, weighting, margin):
    images, noise = denoising.batches["forget"]
    uniform = torch.rand(BATCH, PIXELS, generator=torch.Generator().manual_seed(13)).view(-1, 1, 4, 4)
    gamma, sigma = denoising.scales(noise[:, -2])
    clean = 2 * images - 1
    noisy, time = gamma * clean + sigma * uniform, noise[:, -2]
    target = uniform if len(denoising.model.signal) else uniform - clean
    error = denoising.network(noisy, time, torch.full((BATCH,), FORGOTTEN)) - target
    g_q = denoising.gradient(error.square().mean((1, 2, 3)).sum())
    g_r = denoising.gradient(plain_losses(denoising, *denoising.batches["retain"]).sum())
    weight = 0.1 if weighting == "fixed" else max(0, margin - float(g_r @ g_q / (g_r.norm() * g_q.norm())))
    close(denoising.direction("erasediff", weighting=weighting, margin=margin), g_r + weight * g_q)


class Fixed:
    """Stands for a step whose gradients are given."""

    def __init__(self, g_r, g_f):
        self.retain, self.forget = (type("Loss", (), {"gradient": torch.as_tensor(g)}) for g in (g_r, g_f))


def vectors():
    return arrays(np.float64, 4, elements=st.floats(-3, 3, allow_subnormal=False).map(lambda x: round(x, 3)))


@given(vectors().filter(lambda g: np.linalg.norm(g) > 0.1), vectors(), st.floats(0, 5))
def test_surgery_bounded_meets_the_conditions_of_karush_kuhn_and_tucker(g_r, g_f, bound):
    """d minimises |d + g_f|² under d·g_r ≥ −ε: d + g_f = μ g_r with μ ≥ 0, and μ = 0 where the bound is slack."""
    d = load_plugin("methods", "surgery_bounded").direction(Fixed(g_r, g_f), retain_increase=bound).numpy()
    multiplier = (d + g_f) @ g_r / (g_r @ g_r)
    np.testing.assert_allclose(d + g_f, multiplier * g_r, atol=1e-9)
    assert multiplier > -1e-12
    assert d @ g_r >= -bound - 1e-9
    assert multiplier < 1e-9 or d @ g_r == pytest.approx(-bound, abs=1e-9)


@given(vectors().filter(lambda g: np.linalg.norm(g) > 0.1), vectors())
def test_surgery_bounded_without_increase_is_surgery_conflict(g_r, g_f):
    bounded = load_plugin("methods", "surgery_bounded").direction(Fixed(g_r, g_f), retain_increase=0)
    assert torch.equal(bounded, load_plugin("methods", "surgery_conflict").direction(Fixed(g_r, g_f)))


PARAMETERS = {
    "relabel": {"exchange_weight": 1.0},
    "uno_relabel": {"orthogonality_weight": 1.0, "exchange_weight": 1.0},
    "surgery_retain_relabel": {"exchange_weight": 1.0},
    "uno_s_relabel": {"orthogonality_weight": 1.0, "exchange_weight": 1.0},
    "remap": {"to": "null_label"},
    "esd": {"erasing_strength": 1.0},
    "salun_labels": {"retain_weight": 0.1},
    "selective_amnesia_labels": {"elasticity_weight": 10.0, "fisher_samples": 2, "replay_samples": 2},
    "siss": {"label": "null_label", "mixture": 0.5, "forget_scale": 5.0},
    "retrack": {"label": "null_label", "neighbours": 2, "redirect_weight": 0.005},
    "erasediff": {"weighting": "adaptive", "margin": 0.1},
}


@pytest.mark.parametrize("method", PARAMETERS)
def test_a_method_draws_its_random_numbers_from_the_given_generators(method):
    first, second = (World("flow").direction(method, **PARAMETERS[method]) for _ in range(2))
    assert torch.equal(first, second)


@pytest.mark.parametrize("method", ["relabel", "esd", "salun_labels", "selective_amnesia_labels", "retrack"])
def test_the_direction_of_mean_losses_is_that_of_sums_over_the_size_of_a_batch(method):
    world, module = World("flow"), load_plugin("methods", method)
    step = world.step(method, "mean", **PARAMETERS[method])
    close(module.direction(step, **PARAMETERS[method]).detach() * BATCH, world.direction(method, **PARAMETERS[method]))


@pytest.mark.parametrize("method", PARAMETERS)
def test_the_loop_runs_a_method_on_a_part_of_a_model_in_float32(tmp_path, method):
    torch.set_default_dtype(torch.float32)
    world, parts = World("flow"), {}
    model = world.model.float()
    for name in ("retain", "forget"):
        parts |= {name: world.images[name], f"{name}_labels": world.labels[name]}
    judge = Ensemble([Classifier([1, 4, 4], CLASSES, [4])]).eval().requires_grad_(False)
    inputs = UnlearningInputs(**parts, heldout_forget=parts["forget"], forgotten_classes=[FORGOTTEN], judge=judge)
    settings = UnlearningSettings(
        algorithm=method,
        parameters=PARAMETERS[method],
        retain_images="retain",
        steps=2,
        batch_size=4,
        learning_rate=1e-3,
        optimizer="adam",
        batch_normalisation="batch",
        loss_reduction="mean",
        samples=10,
        measure=[{"until": 2, "every": 1}],
        running_statistics="retain",
        trainable={"part": "modulation"},
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run = unlearn(model, load_plugin("methods", method), inputs, settings, 5, Checkpoint(tmp_path / "state", "one"))
    assert run.status == "finished"
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    part = model.part("labels" if method == "remap" else "modulation")
    assert changed <= part
    if method == "salun_labels":
        moved = torch.cat([(model.state_dict()[name] != before[name]).ravel() for name in part])
        assert 0.3 < moved.float().mean() <= 0.5
