"""Every update rule against a plain formula that shares no code with it, in float64."""

import copy
import inspect
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.signal import convolve2d
from scipy.special import rel_entr, softmax

from unlearning.config.load import load_experiment, read_yaml
from unlearning.io.files import ROOT
from unlearning.networks.generative import set_training_mode
from unlearning.plugins.describe import describe_plugin, plugin_names
from unlearning.plugins.load import load_plugin
from unlearning.training.step import Step

from ...documents import file_of
from ..conftest import methods_of_the_vae, parameters_of


def numpy_gradients(model, batches):
    """g_r and g_f from `backward()`, one parameter at a time."""
    gradients = []
    for name in ("retain", "forget"):
        model.zero_grad()
        model.losses(*batches[name]).sum().backward()
        gradients.append(np.concatenate([parameter.grad.numpy().ravel() for parameter in model.parameters()]))
    return gradients


def direction(method, step, **parameters):
    return load_plugin("methods", method).direction(step, **parameters).numpy()


@pytest.fixture
def gradients(model, batches):
    return numpy_gradients(model, batches)


def test_finetune_descends_the_retain_loss(make_step, gradients):
    np.testing.assert_allclose(direction("finetune", make_step()), gradients[0], rtol=1e-12)


def test_ascent_climbs_the_forget_loss(make_step, gradients):
    np.testing.assert_allclose(direction("ascent", make_step()), -gradients[1], rtol=1e-12)


def test_ascent_descent_alternates_beginning_with_ascent(make_step, gradients):
    g_r, g_f = gradients
    for number, expected in ((1, -g_f), (2, g_r), (3, -g_f), (500, g_r)):
        np.testing.assert_allclose(direction("ascent_descent", make_step(number)), expected, rtol=1e-12)


def test_ascent_descent_as_run_projects_the_retain_gradient_on_even_steps(make_step, gradients):
    """Against least squares: the residual of g_r on g_f."""
    g_r, g_f = gradients
    residual = g_r - np.linalg.lstsq(g_f[:, None], g_r, rcond=None)[0] * g_f
    for number, expected in ((1, -g_f), (2, residual), (3, -g_f), (530, residual)):
        d = direction("ascent_descent_as_run", make_step(number))
        np.testing.assert_allclose(d, expected, atol=1e-10 * np.linalg.norm(g_r))


def test_every_row_that_published_numbers_are_compared_with_is_in_its_experiment():
    published = pd.read_csv(ROOT / "published" / "uno.csv")
    assert set(published[published["method"] == "ascent_descent"]["as_run"]) == {"ascent_descent_as_run"}
    for name, dataset in (("mnist", "mnist"), ("celeba", "celeba"), ("imagenet-dit", "imagenet_256")):
        rows = published[published["dataset"] == dataset]
        assert set(rows["as_run"].dropna()) <= set(read_yaml(f"configs/{name}.yaml")["methods"])


def test_surgery_retain_is_the_part_of_the_retain_gradient_orthogonal_to_the_forget_gradient(make_step, gradients):
    g_r, g_f = gradients
    d = direction("surgery_retain", make_step())
    assert abs(d @ g_f) < 1e-12 * np.linalg.norm(d) * np.linalg.norm(g_f)
    residual = g_r - np.linalg.lstsq(g_f[:, None], g_r, rcond=None)[0] * g_f
    np.testing.assert_allclose(d, residual, atol=1e-10 * np.linalg.norm(g_r))


def test_surgery_forget_climbs_along_the_part_of_the_forget_gradient_orthogonal_to_the_retain_gradient(
    make_step, gradients
):
    g_r, g_f = gradients
    d = direction("surgery_forget", make_step())
    assert abs(d @ g_r) < 1e-12 * np.linalg.norm(d) * np.linalg.norm(g_r)
    residual = g_f - np.linalg.lstsq(g_r[:, None], g_f, rcond=None)[0] * g_r
    np.testing.assert_allclose(d, -residual, atol=1e-10 * np.linalg.norm(g_f))


class Fixed:
    """Stands for a step whose gradients are given."""

    def __init__(self, g_r, g_f, number=1):
        self.number = number
        self.retain, self.forget = (type("Loss", (), {"gradient": torch.tensor(g)}) for g in (g_r, g_f))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_surgery_conflict_projects_only_where_ascent_would_harm_the_retain_loss(sign):
    g_r, g_f = [2.0, 0.0, 1.0], [sign * 3.0, 1.0, 0.0]
    # A step along −d with d = −g_f changes the retain loss by g_f·g_r: harm where that is positive.
    expected = direction("surgery_forget" if sign > 0 else "ascent", Fixed(g_r, g_f))
    np.testing.assert_allclose(direction("surgery_conflict", Fixed(g_r, g_f)), expected, rtol=1e-6)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_surgery_mutual_is_pcgrad_of_ascent_and_descent(sign):
    """PCGrad (Yu et al. 2020, algorithm 1) written out for two tasks with gradients g_r and −g_f."""
    g_r, g_f = np.array([2.0, 0.0, 1.0]), np.array([sign * 3.0, 1.0, 0.0])
    tasks = [g_r, -g_f]
    projected = []
    for task, other in (tasks, tasks[::-1]):
        inner = task @ other
        projected.append(task - inner / (other @ other) * other if inner < 0 else task)
    np.testing.assert_allclose(direction("surgery_mutual", Fixed(g_r, g_f)), sum(projected), rtol=1e-6)


def set_parameters(model, vector):
    torch.nn.utils.vector_to_parameters(torch.from_numpy(vector), model.parameters())


def uno_loss(model, batches, weight):
    """L_r + λ cos²(g_f, g_r) at the model's parameters."""
    g_r, g_f = numpy_gradients(model, batches)
    cosine_squared = (g_f @ g_r) ** 2 / ((g_f @ g_f) * (g_r @ g_r))
    return model.losses(*batches["retain"]).sum().item() + weight * cosine_squared


@pytest.mark.parametrize("weight", [1.0, 1e3, 1e6])
def test_uno_is_the_gradient_of_its_loss_by_central_differences(model, batches, make_step, weight):
    d = direction("uno", make_step(), orthogonality_weight=weight)
    point = torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy().copy()
    h = 1e-5
    # Central differences of fourth order: the truncation error of second order is seen at 1e-6.
    stencil = {h: 8, -h: -8, 2 * h: -1, -2 * h: 1}
    differences = np.empty_like(point)
    for i in range(len(point)):
        total = 0.0
        for offset, coefficient in stencil.items():
            moved = point.copy()
            moved[i] += offset
            set_parameters(model, moved)
            total += coefficient * uno_loss(model, batches, weight)
        differences[i] = total / (12 * h)
    assert np.linalg.norm(d - differences) < 1e-6 * np.linalg.norm(differences)


def test_uno_without_weight_is_finetuning(make_step, gradients):
    np.testing.assert_allclose(direction("uno", make_step(), orthogonality_weight=0.0), gradients[0], rtol=1e-12)


def test_uno_s_alternates_uno_and_surgery_retain(make_step):
    for number in (1, 2, 3, 4):
        d = direction("uno_s", make_step(number), orthogonality_weight=1e3)
        if number % 2:
            expected = direction("uno", make_step(number), orthogonality_weight=1e3)
        else:
            expected = direction("surgery_retain", make_step(number))
        np.testing.assert_array_equal(d, expected)


def slope(loss, model, d, h=1e-4):
    """The derivative of loss() along d at the model's parameters, by central differences of fourth order."""
    point = torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy().copy()
    unit, total = d / np.linalg.norm(d), 0.0
    for offset, coefficient in {h: 8, -h: -8, 2 * h: -1, -2 * h: 1}.items():
        set_parameters(model, point + offset * unit)
        with torch.no_grad():
            total += coefficient * loss()
    set_parameters(model, point)
    return total / (12 * h)


def assert_gradient(d, loss, model, atol=1e-6, h=1e-4):
    """d is the gradient of loss(): its slope along d is |d|, and along any other direction w the inner product."""
    generator = np.random.default_rng(0)
    for w in (d, generator.normal(size=len(d)), generator.normal(size=len(d))):
        expected = d @ w / np.linalg.norm(w)
        assert slope(loss, model, w, h) == pytest.approx(expected, rel=1e-5, abs=atol * np.linalg.norm(d))


def histogram_divergence(model, guide):
    """KL of the guide's mean softmax over the fixture's eight samples from 1/2, 0, 1/2, by scipy."""
    latents = torch.randn(8, 2, generator=torch.Generator().manual_seed(9))
    scores = guide(model.samples(latents.double())).numpy()
    shares = softmax(scores, axis=1).mean(axis=0)
    return rel_entr(shares, [0.5, 1e-8, 0.5]).sum()


@pytest.fixture
def double_latents(model, monkeypatch):
    """Noise of the model in float64, from the same generators as in float32."""
    plain = type(model).latents
    monkeypatch.setattr(type(model), "latents", lambda self, *arguments: plain(self, *arguments).double())
    monkeypatch.setattr(type(model), "loss_noise", type(model).latents)


@pytest.mark.usefixtures("double_latents")
def test_histogram_descends_the_retain_loss_plus_the_divergence_of_the_classes(model, batches, guide, make_step):
    d = direction("histogram", make_step(), histogram_weight=50.0)

    def loss():
        return model.losses(*batches["retain"]).sum().item() + 50 * histogram_divergence(model, guide)

    assert_gradient(d, loss, model)


@pytest.mark.usefixtures("double_latents")
@pytest.mark.parametrize("kept", ["retain", "forget"])
def test_surgery_with_the_histogram_projects_the_gradients_of_both_sums(model, guide, make_step, kept):
    d = direction(f"surgery_{kept}_histogram", make_step(), histogram_weight=50.0)
    g_r, step = direction("histogram", make_step(), histogram_weight=50.0), make_step()
    swapped = Step(1, step.forget, step.retain, step.histogram)
    g_f = direction("histogram", swapped, histogram_weight=50.0)
    assert_gradient(g_r - direction("finetune", make_step()), lambda: 50 * histogram_divergence(model, guide), model)
    expected = g_r - (g_r @ g_f) / (g_f @ g_f) * g_f if kept == "retain" else (g_r @ g_f) / (g_r @ g_r) * g_r - g_f
    np.testing.assert_allclose(d, expected, rtol=1e-8, atol=1e-10 * np.linalg.norm(expected))


@pytest.mark.usefixtures("double_latents")
def test_uno_histogram_is_the_gradient_of_its_loss(model, batches, guide, make_step):
    """L_r + κK + λ cos²(∇(L_f + κK), ∇(L_r + κK)), with the gradients of one parameter after the other."""
    weight, kappa = 1e3, 50.0
    parameters = {"orthogonality_weight": weight, "histogram_weight": kappa}
    d = direction("uno_histogram", make_step(), **parameters)
    latents = torch.randn(8, 2, generator=torch.Generator().manual_seed(9)).double()

    def loss():
        with torch.enable_grad():
            sums = []
            for name in ("retain", "forget"):
                model.zero_grad()
                shares = guide(model.samples(latents)).softmax(1).mean(0)
                divergence = (shares * (shares / torch.tensor([0.5, 1e-8, 0.5])).log()).sum()
                (model.losses(*batches[name]).sum() + kappa * divergence).backward()
                sums.append(np.concatenate([p.grad.numpy().ravel() for p in model.parameters()]))
        g_r, g_f = sums
        value = model.losses(*batches["retain"]).sum().item() + kappa * histogram_divergence(model, guide)
        return value + weight * (g_f @ g_r) ** 2 / ((g_f @ g_f) * (g_r @ g_r))

    assert_gradient(d, loss, model, atol=1e-5)


@pytest.mark.usefixtures("double_latents")
def test_uno_s_histogram_takes_turns_with_surgery(make_step):
    weights = {"orthogonality_weight": 1e3, "histogram_weight": 50.0}
    odd = direction("uno_histogram", make_step(1), **weights)
    for steps, even in (
        ("all_steps", direction("surgery_retain_histogram", make_step(2), histogram_weight=50.0)),
        ("odd_steps", direction("surgery_retain", make_step(2))),
    ):
        for number, expected in ((1, odd), (2, even)):
            result = direction("uno_s_histogram", make_step(number), **weights, histogram_on=steps)
            np.testing.assert_array_equal(result, expected)


@pytest.mark.usefixtures("double_latents")
def test_the_published_run_of_uno_differs_from_uno_exactly_in_the_two_weights(make_step):
    methods = load_experiment("mnist")["methods"]
    both = {name: methods[name] for name in ("uno", "uno_as_run", "uno_s", "uno_s_as_run")}
    # UNO-S also had the histogram loss on its odd steps alone.
    for name, rule, more in (
        ("uno", "uno_histogram", {}),
        ("uno_s", "uno_s_histogram", {"histogram_on": "odd_steps"}),
    ):
        assert both[f"{name}_as_run"] == {
            **more,
            "algorithm": rule,
            "orthogonality_weight": 0,
            "histogram_weight": both[name]["orthogonality_weight"],
        }
        for number in (1, 2):
            as_defined = direction(name, make_step(number), **both[name])
            the_same_rule = direction(rule, make_step(number), **both[name], **more, histogram_weight=0)
            np.testing.assert_allclose(the_same_rule, as_defined, rtol=1e-9, atol=1e-9 * np.abs(as_defined).max())


def structural_similarity(first, second):
    """SSIM (Wang et al. 2004) of one pair of 4×4 pictures with a Gaussian window of 3 pixels, σ = 1.5, by scipy."""
    window = np.exp(-(np.array([-1.0, 0, 1]) ** 2) / (2 * 1.5**2))
    window = np.outer(window, window) / window.sum() ** 2

    def blur(picture):
        return convolve2d(picture, window, mode="valid")

    m1, m2 = blur(first), blur(second)
    v1, v2, v12 = blur(first**2) - m1**2, blur(second**2) - m2**2, blur(first * second) - m1 * m2
    c1, c2 = 0.01**2, 0.03**2
    return ((2 * m1 * m2 + c1) * (2 * v12 + c2) / ((m1**2 + m2**2 + c1) * (v1 + v2 + c2))).mean()


@pytest.mark.usefixtures("double_latents")
def test_feature_unlearning_takes_the_feature_out_of_latents_that_show_it(model, batches, make_step):
    teacher = copy.deepcopy(model).eval()
    means = {}
    for name, (images, _) in batches.items():
        pixels = (images * 255).to(torch.uint8).double() / 255
        means[name] = teacher.posterior(pixels)[0].mean(0).detach().numpy()
    feature = means["forget"] - means["retain"]
    axis = feature / np.linalg.norm(feature)
    midpoint = (means["forget"] + means["retain"]) @ axis / 2
    latents = torch.randn(12, 2, generator=torch.Generator().manual_seed(13)).double().numpy()
    targets = np.array([z - max(0, z @ axis - midpoint) * feature for z in latents])
    shows = latents @ axis > midpoint
    assert 0 < shows.sum() < 12
    with torch.no_grad():
        target = teacher.samples(torch.from_numpy(targets)).numpy()

    def loss():
        samples = model.samples(torch.from_numpy(latents)).numpy()
        pairs = list(zip(samples, target, strict=True))
        absolute = np.array([abs(a - b).sum() for a, b in pairs])
        unlike = np.array([1 - structural_similarity(a[0], b[0]) for a, b in pairs])
        return (10 * (absolute + unlike)[shows].sum() + absolute[~shows].sum()) / 12

    d = direction("feature_unlearning", make_step(method="feature_unlearning"), forget_weight=10)
    assert_gradient(d, loss, model, h=1e-7)  # between the kinks of L1


@pytest.mark.usefixtures("double_latents")
def test_salun_changes_salient_weights_along_the_gradient_of_its_loss(model, batches, make_step):
    teacher = copy.deepcopy(model).eval()
    step = make_step(method="salun")
    d = direction("salun", step, forget_weight=10)
    salient = step.prepared.salient.numpy().astype(bool)
    assert abs(salient.mean() - 0.5) < 0.2
    assert np.all(d[~salient] == 0)
    retain = (batches["retain"][0] * 255).to(torch.uint8)
    partners = torch.randint(6, (6,), generator=torch.Generator().manual_seed(13))
    with torch.no_grad():
        m0, v0 = teacher.posterior(retain[partners].double() / 255)
    target = torch.distributions.Normal(m0, (v0 / 2).exp())

    def loss():
        m, v = model.posterior(batches["forget"][0])
        divergence = torch.distributions.kl_divergence(torch.distributions.Normal(m, (v / 2).exp()), target).sum()
        return (model.losses(*batches["retain"]).sum() + 10 * divergence).item()

    for seed in range(2):
        w = np.random.default_rng(seed).normal(size=len(d)) * salient
        assert slope(loss, model, w) == pytest.approx(d @ w / np.linalg.norm(w), rel=1e-5, abs=1e-6 * np.linalg.norm(d))


@pytest.mark.usefixtures("double_latents")
@pytest.mark.parametrize("weight", [1.0, 1e4])
def test_salun_as_run_teaches_both_pictures_to_be_the_same(model, batches, make_step, weight):
    set_training_mode(model, "frozen")
    step = make_step(method="salun_as_run")
    d, salient = direction("salun_as_run", step, retain_weight=weight), step.prepared.numpy()
    generator = torch.Generator().manual_seed(13)
    partners = torch.randperm(6, generator=generator)
    epsilon = torch.randn(6, 2, generator=generator).double()

    def loss():
        pictures = []
        for images in (batches["forget"][0], batches["retain"][0][partners]):
            m, v = model.posterior(images)
            pictures.append(model.samples(m + epsilon * (v / 2).exp()).numpy())
        retain = model.losses(*batches["retain"]).numpy()
        return np.mean((pictures[0] - pictures[1]) ** 2) + weight * np.mean(retain) / 16

    assert np.all(d[~salient] == 0)
    moved = [np.random.default_rng(seed).normal(size=len(d)) * salient for seed in range(4)]
    slopes = np.array([slope(loss, model, w) for w in moved])
    ours = np.array([d @ w / np.linalg.norm(w) for w in moved])
    if weight == 1:  # shorter than 5: the gradient itself
        np.testing.assert_allclose(ours, slopes, rtol=1e-5, atol=1e-6 * np.linalg.norm(d))
    else:
        assert np.linalg.norm(d) == pytest.approx(5)
        np.testing.assert_allclose(ours / ours[0], slopes / slopes[0], rtol=1e-4)


@pytest.mark.usefixtures("double_latents")
def test_selective_amnesia_is_the_gradient_of_its_three_losses(model, batches, guide, make_step):
    step = make_step(method="selective_amnesia")
    memory = step.prepared
    noise_only = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05)  # away from the original, where the elastic term is zero
    d = direction("selective_amnesia", step, elasticity_weight=10, fisher_samples=10)
    generator = torch.Generator().manual_seed(13)
    images, noise = batches["forget"]
    surrogate = torch.rand(images.shape, generator=generator).double()
    with torch.no_grad():
        drawn = noise_only.eval().samples(torch.randn(6, 2, generator=generator).double())
    replay = (drawn * 255).round() / 255
    is_retained = guide(replay).argmax(1) != 1
    replay_noise = torch.randn(6, 2, generator=generator).double()
    start = torch.nn.utils.parameters_to_vector(noise_only.parameters()).detach()

    def bernoulli(source, target, z):
        """−ELBO by torch.distributions, for a target other than the input."""
        mean, log_variance = model.posterior(source)
        q = torch.distributions.Normal(mean, (log_variance / 2).exp())
        pixels = model.samples(mean + z * q.scale)
        reconstruction = -(target * pixels.log() + (1 - target) * (1 - pixels).log()).flatten(1).sum(1)
        return reconstruction + torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0)).sum(1)

    def loss():
        point = torch.nn.utils.parameters_to_vector(model.parameters())
        elastic = 10 / 2 * 6 * (memory.fisher * (point - start).square()).sum()
        corrupted = bernoulli(images, surrogate, noise).sum()
        replayed = (is_retained * bernoulli(replay, replay, replay_noise)).sum()
        return (elastic + corrupted + replayed).item()

    assert memory.fisher.min() >= 0
    assert_gradient(d, loss, model)


@pytest.mark.usefixtures("double_latents")
def test_every_method_gives_a_finite_direction_and_describes_its_parameters(make_step, gradients):
    for method in plugin_names("methods"):
        parameters = describe_plugin("methods", method)
        assert all("description" in schema for schema in parameters.values()), method
        if method not in methods_of_the_vae():
            continue  # see test_completion_methods.py and test_conditional_methods.py
        d = direction(method, make_step(method=method), **parameters_of(method))
        assert d.shape == gradients[0].shape, method
        assert np.isfinite(d).all(), method
        assert load_plugin("methods", method).__doc__, method


@pytest.mark.parametrize("method", plugin_names("methods"))
def test_who_needs_a_guide_or_a_frozen_teacher_says_so_in_docstring_and_schema(method):
    module = load_plugin("methods", method)
    described = " ".join(parameter.get("description", "") for parameter in module.PARAMETERS.values())
    needed = {"guide": getattr(module, "NEEDS_GUIDE", False)}
    if getattr(module, "MODELS", "") == "generating":  # image-to-image methods are all about the original's embeddings
        needed["frozen teacher"] = "teacher" in inspect.getsource(module.direction)
    for name, needs in needed.items():
        if needs:
            assert name in described
            assert name.split()[-1] in module.__doc__


def test_the_methods_of_the_documentation_are_their_formulas(model, make_step, gradients):
    g_r, g_f = gradients
    tutorial, own = {}, {}
    exec(file_of("tutorial", "scripts/unlearning/methods/neggrad_plus.py"), tutorial)
    np.testing.assert_allclose(tutorial["direction"](make_step(), weight=0.1).numpy(), g_r - 0.1 * g_f, rtol=1e-12)

    exec(file_of("add_your_own", "scripts/unlearning/methods/pulled_ascent.py"), own)
    teacher = copy.deepcopy(model).requires_grad_(False)
    for number, parameter in enumerate(teacher.parameters()):
        parameter.add_(number + 1)
    away = np.concatenate([np.full(parameter.numel(), n + 1) for n, parameter in enumerate(model.parameters())])
    step = replace(make_step(), prepared=own["prepare"](SimpleNamespace(teacher=teacher), pull=0.5))
    np.testing.assert_allclose(own["direction"](step, pull=0.5).numpy(), -g_f - 0.5 * away, rtol=1e-9)
