"""The masked-token transformer against its formulas, token by token."""

import itertools
import math

import pytest
import torch

from unlearning.runtime.checkpoint import Checkpoint
from unlearning.runtime.seeding import stream
from unlearning.training.train import train

from .completion import build, check_constraints, draw, elsewhere


@pytest.fixture
def transformer():
    """With a codebook of latents, so that images have several codes, and tokens that tell them apart."""
    network = build("vq_transformer", mask={"random": {"ratio": 0.6, "patch": 2}})
    latents = network.tokenizer.embedding(*(draw(network, count=9)[0], torch.zeros(9, 1, 8, 8).double()))[0]
    network.tokenizer.network.quantize.embedding.weight.data.copy_(latents.movedim(1, -1).flatten(0, 2)[::20][:7])
    network.table.weight.data.normal_()
    return network


def test_a_transformers_loss_is_the_cross_entropy_of_the_tokens_that_are_masked(transformer):
    images, noise = draw(transformer)
    target = torch.rand_like(images)
    nothing = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    counts, labels = [], set()
    for image, goal, one, loss in zip(images, target, noise, transformer.losses(images, noise, target), strict=True):
        true = transformer.tokenizer.tokens(goal[None], nothing).flatten().tolist()
        tokens = transformer.tokenizer.tokens(image[None], one[None, :1]).flatten().tolist()
        hidden, order, share = (plane[::2, ::2].flatten().tolist() for plane in one)
        places = sorted((position for position in range(16) if hidden[position]), key=order.__getitem__)
        count = math.ceil(math.cos(math.pi / 2 * share[0]) * len(places))
        for position in places:
            tokens[position] = 7 if position in places[:count] else true[position]
        logits = transformer.decoder(
            transformer.encoder(transformer.table.weight[tokens][None] + transformer.positions)
        )
        terms = [-logits[0, position].log_softmax(0)[true[position]] for position in places[:count]]
        vq_loss = transformer.tokenizer.losses(goal[None], nothing)[0]
        torch.testing.assert_close(loss, vq_loss + sum(terms) / count)
        counts.append(count)
        labels.update(true)
    assert len(set(counts)) > 1
    assert len(labels) > 2


def test_a_transformer_sees_the_codes_of_visible_pixels_only(transformer):
    images, noise = draw(transformer)
    hidden = transformer.hidden_pixels(noise)
    (embedding,) = transformer.embedding(images, noise)
    assert embedding.shape == (5, 16, 8)
    assert torch.equal(transformer.embedding(elsewhere(images, hidden), noise)[0], embedding)
    assert not torch.allclose(transformer.embedding(elsewhere(images, 1 - hidden), noise)[0], embedding)


def test_codes_are_decoded_in_rounds_the_most_probable_first(transformer, monkeypatch):
    """⌊cos(π/2 · round/rounds) · hidden⌋ codes are left after a round; those that are there stay."""
    images, noise = draw(transformer, kind="completion_noise")
    rounds = []
    encode = transformer._encode
    monkeypatch.setattr(transformer, "_encode", lambda tokens: encode(rounds.append(tokens) or tokens))
    last = []
    restore = transformer.tokenizer.restore
    monkeypatch.setattr(transformer.tokenizer, "restore", lambda tokens: restore(last.append(tokens) or tokens))
    transformer.completions(images, noise)
    rounds += [last[0].flatten(1)]
    assert [(tokens == 7).sum(1).unique().tolist() for tokens in rounds] == [[10], [8], [5], [0]]  # 10 are hidden
    for before, after in itertools.pairwise(rounds):
        assert torch.equal(after[before != 7], before[before != 7])
    probabilities = transformer.decoder(encode(rounds[0])).softmax(-1)
    cumulative = probabilities.cumsum(-1)
    for image, tokens in enumerate(rounds[1]):
        chance = noise[image, 1, ::2, ::2].flatten()
        samples = [int((cumulative[image, position] < chance[position]).sum()) for position in range(16)]
        confidence = {
            position: probabilities[image, position, samples[position]].item()
            for position in range(16)
            if rounds[0][image, position] == 7
        }
        best = sorted(confidence, key=confidence.__getitem__)[-2:]
        assert {position: tokens[position].item() for position in confidence if tokens[position] != 7} == {
            position: samples[position] for position in best
        }


def test_a_transformer_learns_what_the_surroundings_tell(tmp_path):
    """Images of one brightness each, dark or bright: the hole has that of what is around it."""
    network = build("vq_transformer", channels=[8, 16], width=32).float()
    images = torch.rand(128, 1, 1, 1, generator=stream(0, "brightness")).round().expand(-1, 1, 8, 8) * 0.8 + 0.1
    train(
        network,
        lambda batch, generator: network.losses(images[batch], network.loss_noise(len(batch), generator)),
        torch.arange(64),
        epochs=40,
        batch_size=32,
        learning_rate=3e-3,
        seed=0,
        checkpoint=Checkpoint(tmp_path / "checkpoint", "key"),
    )
    with torch.no_grad():
        completed = network.completions(images[64:], network.completion_noise(64, stream(1, "completions")))
    assert (completed - images[64:]).abs().mean() < 0.02  # a guess without looking: 0.1


def test_a_mask_that_cuts_through_codes_is_refused():
    with pytest.raises(ValueError, match="side = 2: cuts through the model's 2×2 patches"):
        check_constraints("vq_transformer", mask={"centre_hole": {"side": 2}})


def test_heads_that_do_not_divide_the_width_are_refused():
    with pytest.raises(ValueError, match=r"^heads = 3: does not divide width = 8"):
        check_constraints("vq_transformer", heads=3)
