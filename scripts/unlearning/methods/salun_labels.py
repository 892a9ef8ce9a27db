r"""SalUn for models with labels that remove noise.

Only the half of the weights with the larger $|\sum \nabla L_f|$ changes. Under the label to forget, the model learns
its own prediction for a retained label $c'$, drawn at random for each image:

$$d = m \odot \nabla \left( \left| v_\theta(x_t, c_f) - \mathrm{sg}\, v_\theta(x_t, c') \right|^2
+ \alpha\, L_r \right)$$

$m$ is 1 for the salient weights and 0 for the others, $\mathrm{sg}$ stops the gradient, and $x_t$ are the noisy images
of the forget batch. The square is a mean over the pixels. No label of the first term is dropped.

**Source.** Fan et al., ICLR 2024 (arXiv 2310.12508), with $\alpha = 10^{-3}$.

**Released code.** OPTML-Group/Unlearn-Saliency, folder DDPM, takes the label after the forgotten one as $c'$, and drops
labels in both predictions. Its $L_r$ is a *sum* over the pixels, while the first term is a mean: on the 3,072 numbers
of a CIFAR-10 image, its $\alpha = 10^{-3}$ is 3 on the scale of this file. Its users report that without $L_r$ the
model loses all classes. The code of the UNO paper detaches neither prediction.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from unlearning.methods.salun import salient_weights
from unlearning.networks.generative import kept_labels, with_labels
from unlearning.training.gradients import reduce
from unlearning.training.step import Setup, Step

TITLE = "SalUn"
GROUP = "others"
MODELS = "generating"
MODEL_HAS = ["label_embeddings", "predictions"]
PARAMETERS = {
    "retain_weight": {
        "type": "number",
        "minimum": 0,
        "description": "α, weight of the retain loss beside the loss that maps the labels to forget to others",
    }
}


@dataclass(frozen=True)
class Saliency:
    """What `direction` needs beside the step.

    Attributes:
        salient: (P,) bool, True for the weights that may change.
        retained: (R,) the labels that are kept.
    """

    salient: Tensor
    retained: Tensor


def prepare(setup: Setup, retain_weight: float) -> Saliency:
    """Find the weights whose forget gradient, over the whole forget set, is above the median."""
    return Saliency(salient_weights(setup), retained_labels(setup))


def retained_labels(setup: Setup) -> Tensor:
    """The labels (R,) of images to keep that no image to forget has.

    Args:
        setup: what there is before the first step.

    Returns:
        (R,), in increasing order.

    Raises:
        ValueError: there is no such label.
    """
    labels = setup.retain_labels.unique()
    retained = labels[~torch.isin(labels, setup.forget_labels)]
    if not len(retained):
        raise ValueError("each label has images to forget, so no label is left that could take the place of another")
    return retained


def movable(saliency: Saliency) -> Tensor:
    """(P,) bool: the salient weights."""
    return saliency.salient


def direction(step: Step, retain_weight: float) -> Tensor:
    """∇(|v_θ(x_t, c_f) − sg v_θ(x_t, c′)|² + α L_r) on the salient weights, 0 on the others."""
    model, retained = step.model, step.prepared.retained
    images, noise = step.forget.batch
    drawn = torch.randint(len(retained), (len(images),), generator=step.generator, device=retained.device)

    def mismatch() -> Tensor:
        with kept_labels(model):
            with torch.no_grad():
                wrong = model.predictions(images, with_labels(model, noise, retained[drawn]))
            error = (model.predictions(images, noise) - wrong).square()
        return reduce(error.flatten(1).mean(1), step.forget.reduction)

    return step.prepared.salient * step.loss(mismatch).add(retain_weight, step.retain).gradient
