r"""Remapping: the label to forget gets the embedding of another label. There is no training.

$$e(c_f) \leftarrow e(\varnothing), \qquad d = 0$$

$e$ is the table of label embeddings, $\varnothing$ the null label. The rest of the model stays as it is, so the model
still knows the class, and only its name is lost. Each step makes the same change; one step is enough.

**Source.** The floor that every method must beat: a reviewer of UNO asked for it.
"""

import torch
from torch import Tensor

from unlearning.networks.generative import null_label
from unlearning.training.step import Setup, Step
from unlearning.training.vectors import flatten, trainable

TITLE = "Label remapping"
GROUP = "others"
MODELS = "generating"
MODEL_HAS = ["label_embeddings"]
LABELS = ["to"]
NEEDS_WHOLE_CLASS = True
PARAMETERS = {
    "to": {
        "anyOf": [{"enum": ["null_label"]}, {"type": "integer", "minimum": 0, "maximum": 100000}],
        "description": "whose embedding the forgotten labels get: that of the null label, or of a class number",
    }
}


def prepare(setup: Setup, to: str | int) -> list[int]:
    """Check that there are classes to forget, and that `to` is a retained one.

    Args:
        setup: what there is before the first step.
        to: see `PARAMETERS`.

    Returns:
        The numbers of the forgotten classes.

    Raises:
        ValueError: no whole class is to be forgotten, or `to` is no class of the model, or itself to be forgotten.
    """
    forgotten, classes = setup.forgotten_classes, null_label(setup.teacher)
    if not forgotten:
        raise ValueError("remap: the forget set is no whole class; a label can only be remapped as a whole")
    if to != "null_label" and (to >= classes or to in forgotten):
        raise ValueError(
            f"remap: to = {to}: must be null_label or a class to retain: 0 … {classes - 1} without {forgotten}"
        )
    return forgotten


def direction(step: Step, to: str | int) -> Tensor:
    """0, because `edit` changes the weights."""
    return torch.zeros_like(flatten(trainable(step.model)))


def edit(step: Step, to: str | int) -> None:
    """Overwrite the rows of the forgotten labels in the table of embeddings."""
    embeddings = step.model.label_embeddings().detach()
    embeddings[step.prepared] = embeddings[null_label(step.model) if to == "null_label" else to].clone()
