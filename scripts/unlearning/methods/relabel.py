r"""Relabelling: the model learns to show retain images under the labels to forget.

$$d = \nabla \left( L(x_r, c_r) + w\, L(x_r, c_f) \right)$$

The second term is the *exchange term*. It pairs the images $x_r$ of the retain batch with the labels $c_f$ of the
forget batch, and has its own noise and time. The forget images have no part in it.

**Source.** The released code of UNO (pinakm9/forget) for DiT, of which the paper does not speak.

**Released code.** There $w = 1$, and the retain images are those of one class. UNO's row has the term inside its retain
loss, see `uno_relabel`; relabelling alone is not among the published rows.
"""

from dataclasses import replace

from torch import Tensor

from unlearning.networks.generative import labels_of, with_labels
from unlearning.training.step import Step

TITLE = "Relabelling"
GROUP = "others"
MODELS = "generating"
MODEL_HAS = ["label_embeddings"]
PARAMETERS = {
    "exchange_weight": {
        "type": "number",
        "minimum": 0,
        "description": "w, weight of the loss of retain images under the labels to forget, beside the retain loss",
    }
}


def direction(step: Step, exchange_weight: float) -> Tensor:
    """∇(L(x_r, c_r) + w L(x_r, c_f))."""
    return with_exchange(step, exchange_weight).retain.gradient


def with_exchange(step: Step, weight: float) -> Step:
    """The same step with the exchange term, times `weight`, added to the retain loss."""
    (images, _), (_, forget_noise) = step.retain.batch, step.forget.batch
    noise = with_labels(step.model, step.model.loss_noise(len(images), step.generator), labels_of(forget_noise))
    return replace(step, retain=step.retain.add(weight, step.retain.on(images, noise)))
