"""The inpainting diffusion against DDPM, DDIM and Palette, step by step."""

import pytest
import torch

from unlearning.runtime.seeding import stream

from .completion import build, draw, elsewhere, every_mask, up_blocks


def alpha_bar(step):
    """Π (1 - β_i) up to a step, with the variances of DDPM's section 4."""
    return torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)[: int(step) + 1].neg().add(1).prod()


@every_mask
@pytest.mark.parametrize("channels", [1, 3])
def test_a_diffusion_models_loss_is_its_error_in_the_hidden_noise(mask, channels):
    network = build("inpainting_diffusion", (channels, 8, 8), mask=mask)
    images, noise = draw(network, (channels, 8, 8))
    target = torch.rand_like(images)
    assert noise.shape == (5, channels + 2, 8, 8)
    for image, goal, one, loss in zip(images, target, noise, network.losses(images, noise, target), strict=True):
        hidden, gaussian, step = one[0], one[1:-1], one[-1, 0, 0]
        kept = alpha_bar(step)
        noisy = kept.sqrt() * (2 * goal - 1) + (1 - kept).sqrt() * gaussian
        pixels = torch.cat([noisy * hidden, (2 * image - 1) * (1 - hidden), hidden[None]])
        (prediction,) = network.network(pixels[None], step).sample
        errors = (prediction - gaussian)[hidden.expand(channels, 8, 8).bool()].square()
        torch.testing.assert_close(loss, errors.mean(), rtol=1e-5, atol=0)  # the library's variances are float32


def test_noise_of_a_diffusion_loss_is_gaussian_at_every_step_alike():
    network = build("inpainting_diffusion")
    noise = network.loss_noise(4000, stream(0, "test"))
    gaussian, steps = noise[:, 1:-1], noise[:, -1, 0, 0]
    assert torch.equal(noise[:, -1], steps[:, None, None].expand(-1, 8, 8))
    assert abs(gaussian.mean()) < 0.01
    assert abs(gaussian.std() - 1) < 0.01
    assert steps.min() >= 0
    assert steps.max() <= 999
    assert torch.equal(steps, steps.round())
    assert abs(steps.mean() - 499.5) < 5 * 1000 / (12 * 4000) ** 0.5


def test_gradient_checkpointing_takes_less_memory_and_gives_the_same_gradients():
    def saved_and_gradients(checkpointing):
        network, sizes = build("inpainting_diffusion", gradient_checkpointing=checkpointing).train(), {}

        def note(tensor):
            sizes[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            loss = network.losses(*draw(network, count=40)).sum()
        gradients = torch.autograd.grad(loss, list(network.parameters()), create_graph=True, materialize_grads=True)
        squares = sum(part.square().sum() for part in gradients)
        second = torch.autograd.grad(squares, list(network.parameters()), materialize_grads=True)
        return sum(sizes.values()), [*gradients, *second]

    (plain, expected), (less, gradients) = saved_and_gradients(False), saved_and_gradients(True)
    assert less < plain / 2
    for one, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_a_diffusion_models_target_counts_only_where_it_is_hidden():
    network = build("inpainting_diffusion")
    images, noise = draw(network)
    hidden = network.hidden_pixels(noise)
    losses = network.losses(images, noise)
    assert torch.equal(network.losses(images, noise, target=elsewhere(images, 1 - hidden)), losses)
    assert not torch.allclose(network.losses(images, noise, target=elsewhere(images, hidden)), losses)
    assert torch.equal(network.losses(elsewhere(images, hidden), noise, target=images), losses)


def test_a_diffusion_models_embedding_is_all_that_reaches_the_up_blocks():
    """On Palette's four resolutions with two blocks each these are the paper's 13 maps."""
    network = build("inpainting_diffusion", channels=[8, 8, 8, 8], layers=2)
    images, noise = draw(network)
    embedding = network.embedding(images, noise)
    assert [part.shape[-1] for part in embedding] == [8, 8, 8, 4, 4, 4, 2, 2, 2, 1, 1, 1, 1]
    prediction = up_blocks(network, embedding, noise)
    errors = ((prediction - noise[:, 1:-1]) * network.hidden_pixels(noise)).square().sum((1, 2, 3)) / 16
    torch.testing.assert_close(errors, network.losses(images, noise))


def test_a_completion_follows_ddim_from_the_last_step_to_the_first():
    """Eq. (12) of DDIM with σ = 0 and predictions of the image clipped to its range."""
    network = build("inpainting_diffusion").eval()
    images, noise = draw(network, kind="completion_noise")
    hidden, sample = noise[:, :1], noise[:, 1:]
    for step, following in ((999, 749), (749, 499), (499, 249), (249, None)):
        pixels = torch.cat([sample * hidden, (2 * images - 1) * (1 - hidden), hidden], 1)
        prediction = network.network(pixels, step).sample
        kept, kept_then = alpha_bar(step), alpha_bar(following) if following else torch.tensor(1.0)
        image = ((sample - (1 - kept).sqrt() * prediction) / kept.sqrt()).clamp(-1, 1)
        sample = kept_then.sqrt() * image + (1 - kept_then).sqrt() * prediction
    expected = torch.where(hidden.bool(), ((sample + 1) / 2).clamp(0, 1), images)
    torch.testing.assert_close(network.completions(images, noise), expected, rtol=0, atol=1e-4)
