"""The VQ model against its formula."""

import pytest
import torch

from .completion import build, draw, elsewhere, every_mask


@every_mask
@pytest.mark.parametrize("channels", [1, 3])
def test_a_vq_models_loss_is_the_formula_with_the_nearest_codes(mask, channels):
    network = build("vq", (channels, 8, 8), mask=mask)
    images, noise = draw(network, (channels, 8, 8))
    target = torch.rand_like(images)
    codebook = network.network.quantize.embedding.weight
    (latents,) = network.embedding(images, noise)
    codebook.data.copy_(latents.movedim(1, -1).flatten(0, 2)[:7])  # a fresh codebook lies far from all of them
    numbers = set()
    for image, goal, one, loss in zip(images, target, noise, network.losses(images, noise, target), strict=True):
        (latents,) = network.network.encode(torch.where(one.bool(), 0, 2 * image - 1)[None]).latents
        codes = torch.zeros_like(latents)
        for row in range(4):
            for column in range(4):
                distances = [(latents[:, row, column] - code).square().sum() for code in codebook]
                nearest = min(range(7), key=distances.__getitem__)
                codes[:, row, column] = codebook[nearest]
                numbers.add(nearest)
        (decoded,) = network.network.decode(codes[None], force_not_quantize=True).sample
        distance = (latents - codes).square().mean()
        torch.testing.assert_close(loss, (decoded - (2 * goal - 1)).square().mean() + 1.25 * distance)
    assert len(numbers) > 1


def test_gradients_pass_straight_through_the_quantisation():
    """That of the reconstruction by the latents is the one by the codes; codes and encoder get their own terms."""
    network = build("vq", commitment=0.5)
    images, noise = draw(network)
    (latents,) = network.embedding(images, noise)
    (_, _, (_, _, numbers)) = network.network.quantize(latents)
    codebook = network.network.quantize.embedding.weight
    codes = codebook[numbers].view(5, 4, 4, 3).movedim(-1, 1).detach().requires_grad_()
    error = (network.network.decode(codes, force_not_quantize=True).sample - (2 * images - 1)).square()
    (through,) = torch.autograd.grad(error.mean((1, 2, 3)).sum(), codes)
    away = 2 * (latents - codes).detach() / codes[0].numel()
    loss = network.losses(images, noise).sum()
    by_bias, by_code = torch.autograd.grad(loss, [network.network.quant_conv.bias, codebook])
    torch.testing.assert_close(by_bias, (through + 0.5 * away).sum((0, 2, 3)))
    expected = torch.zeros_like(codebook).index_add(0, numbers, -away.movedim(1, -1).reshape(-1, 3))
    torch.testing.assert_close(by_code, expected)


def test_a_vq_model_sees_visible_pixels_only_and_restores_all():
    network = build("vq")
    images, noise = draw(network)
    (embedding,) = network.embedding(images, noise)
    assert embedding.shape == (5, 3, 4, 4)
    assert torch.equal(network.embedding(elsewhere(images, noise), noise)[0], embedding)
    losses = network.losses(images, noise)
    for hidden in (noise, 1 - noise):
        assert not torch.allclose(network.losses(images, noise, target=elsewhere(images, hidden)), losses)
