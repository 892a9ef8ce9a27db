r"""ESD: under the label to forget, the model learns what the original does when it is guided away from that label.

$$d = \nabla \left| v_\theta(x_t, c_f) - \left( v_0(x_t, \varnothing)
- \eta\, (v_0(x_t, c_f) - v_0(x_t, \varnothing)) \right) \right|^2$$

$v$ is what the network predicts, the velocity or the noise; both are linear in the noise, so the rule is the same.
$v_0$ is a frozen teacher, the original in eval mode. $x_t$ are the noisy images of the forget batch. The square is a
mean over the pixels, as in the model's own loss. No label is dropped. There is no retain loss.

**Source.** Gandikota et al., ICCV 2023 (arXiv 2303.07345), with $\eta = 1$ and 3.

**Released code.** rohitgandikota/erasing makes $x_t$ by the sampler of the model in training, without images. In the
released code of UNO, the teacher is in train mode, so that a tenth of its labels is dropped, and the loss also covers
the channels of the variance.
"""

import torch
from torch import Tensor, nn

from unlearning.networks.generative import kept_labels, labels_of, null_label, with_labels
from unlearning.training.gradients import reduce
from unlearning.training.step import Setup, Step

TITLE = "ESD"
GROUP = "others"
MODELS = "generating"
MODEL_HAS = ["label_embeddings", "predictions"]
NEEDS_NULL_LABEL = True
PARAMETERS = {
    "erasing_strength": {
        "type": "number",
        "minimum": 0,
        "description": "η, how far the target lies beyond the prediction that the frozen teacher, the original, makes "
        "for the null label",
    }
}


def prepare(setup: Setup, erasing_strength: float) -> nn.Module:
    """The frozen original."""
    return setup.teacher


def direction(step: Step, erasing_strength: float) -> Tensor:
    """∇|v_θ(x_t, c_f) − (v₀(x_t, ∅) − η (v₀(x_t, c_f) − v₀(x_t, ∅)))|²."""
    model, teacher = step.model, step.prepared
    images, noise = step.forget.batch
    null = torch.full_like(labels_of(noise), null_label(model))
    with torch.no_grad():
        unguided = teacher.predictions(images, with_labels(model, noise, null))
        target = unguided - erasing_strength * (teacher.predictions(images, noise) - unguided)

    def error() -> Tensor:
        with kept_labels(model):
            prediction = model.predictions(images, noise)
        return reduce((prediction - target).square().flatten(1).mean(1), step.forget.reduction)

    return step.loss(error).gradient
