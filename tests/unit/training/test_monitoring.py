"""What is measured beside the loop: when, how long, how far a model moved, and what it makes when asked for a label."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from unlearning.runtime.seeding import stream
from unlearning.training.monitoring import MEASUREMENT_COLUMNS, WAYS_OF_ASKING, ForgottenCounter, measured_steps
from unlearning.training.settings import UnlearningInputs, UnlearningSettings

from .conftest import SETTINGS, build

CLASSES, FORGOTTEN = 5, [1, 3]


class Labelled(nn.Module):
    """Makes images that show their label; those without label show class 1 half of the time, by their noise."""

    def __init__(self):
        super().__init__()
        self.embeddings, self.asked = nn.Parameter(torch.zeros(CLASSES + 1, 1)), []

    def label_embeddings(self):
        return self.embeddings

    def latents(self, count, generator):
        labels = torch.randint(CLASSES, (count, 1), generator=generator)
        return torch.cat([torch.randn(count, 1, generator=generator), labels.float()], 1)

    def samples(self, latents):
        noise, labels = latents[:, 0], latents[:, 1].long()
        self.asked.append(labels)
        shown = torch.where(labels == CLASSES, (noise > 0).long(), labels)
        return (shown / 255).reshape(-1, 1, 1, 1).expand(-1, 1, 4, 4)


def classify(images):
    """A judge whose first network is right, and whose second one takes everything for class 3."""
    true = images[:, 0, 0, 0].long()
    counts = [F.one_hot(classes, CLASSES).sum(0) for classes in (true, torch.full_like(true, 3))]
    return None, true, torch.stack(counts)


def counter(model, parts, samples, **settings):
    inputs = UnlearningInputs(**parts, heldout_forget=parts["forget"], forgotten_classes=FORGOTTEN)
    chosen = SETTINGS | {"algorithm": "finetune", "parameters": {}, "samples": samples} | settings
    return ForgottenCounter(model, inputs, UnlearningSettings(**chosen), seed=0)


def test_measured_steps_are_dense_at_first_and_end_with_the_last():
    schedule = [{"until": 4, "every": 1}, {"until": 10, "every": 3}, {"until": 100, "every": 50}]
    assert sorted(measured_steps(schedule, 99)) == [1, 2, 3, 4, 7, 10, 60, 99]


def test_each_way_of_asking_counts_among_samples_of_its_own_labels(parts):
    model = Labelled()
    seen = parts | {"judge": SimpleNamespace(classify=classify), "guide": None}
    first, second = counter(model, seen, 1000).measure(7, stream(3, "samples"))
    mixed, own, null, retained = model.asked
    assert len(mixed) == 1000
    assert len(own) == len(null) == len(retained) == 250 == first["samples_each_way"] == second["samples_each_way"]
    assert own.unique().tolist() == FORGOTTEN
    assert null.unique().tolist() == [CLASSES]
    assert retained.unique().tolist() == [0, 2, 4]
    for labels, different in ((mixed, 5), (own, 2), (retained, 3)):
        shares = labels.bincount(minlength=CLASSES)[labels.unique()] / len(labels)
        assert shares.tolist() == pytest.approx([1 / different] * different, abs=0.1), "each label as often as another"
    assert first["forgotten"] == torch.isin(mixed, torch.tensor(FORGOTTEN)).sum()
    assert (first["forgotten_label"], first["retained_labels"]) == (250, 0)
    assert first["null_label"] == pytest.approx(125, abs=40)
    assert [second[way] for way in WAYS_OF_ASKING] == [250] * 3
    assert second["forgotten"] == 1000


def test_the_samples_of_each_way_are_a_quarter_whether_or_not_the_mixed_ones_suffice(parts):
    """The share is far above the threshold, so that a quarter of the mixed samples suffices, too."""
    model = Labelled()
    seen = parts | {"judge": SimpleNamespace(classify=classify), "guide": None}
    row, _ = counter(model, seen, 42, threshold=0.01).measure(1, stream(0, "samples"))
    assert [len(labels) for labels in model.asked] == [11] * 4
    assert row["samples"] == row["samples_each_way"] == 11


def test_a_model_without_labels_has_empty_columns(parts):
    seen = parts | {"judge": SimpleNamespace(classify=lambda images: classify(torch.zeros_like(images))), "guide": None}
    row, _ = counter(build().eval(), seen, 20).measure(1, stream(0, "samples"))
    assert tuple(row) == MEASUREMENT_COLUMNS
    assert [row[column] for column in (*WAYS_OF_ASKING, "samples_each_way")] == [None] * 4
