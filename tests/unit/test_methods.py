"""Every update rule against a plain formula that shares no code with it, in float64."""

import numpy as np
import pytest
import torch

from unlearning import plugins


def numpy_gradients(model, batches):
    """g_r and g_f from `backward()`, one parameter at a time."""
    gradients = []
    for name in ("retain", "forget"):
        model.zero_grad()
        model.losses(*batches[name]).sum().backward()
        gradients.append(np.concatenate([parameter.grad.numpy().ravel() for parameter in model.parameters()]))
    return gradients


def direction(method, step, **parameters):
    return plugins.load("methods", method).direction(step, **parameters).numpy()


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
    for own, other in (tasks, tasks[::-1]):
        inner = own @ other
        projected.append(own - inner / (other @ other) * other if inner < 0 else own)
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


def test_every_method_gives_a_finite_direction_and_describes_its_parameters(make_step, gradients):
    for method in plugins.names("methods"):
        parameters = plugins.describe("methods", method)
        assert all("description" in schema for schema in parameters.values()), method
        d = direction(method, make_step(), **dict.fromkeys(parameters, 1.0))
        assert d.shape == gradients[0].shape, method
        assert np.isfinite(d).all(), method
        assert plugins.load("methods", method).__doc__, method
