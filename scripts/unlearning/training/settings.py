"""The settings and the inputs of one unlearning run."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from unlearning.networks.classifier import Classifier, Ensemble
from unlearning.networks.probes import Probes


@dataclass(frozen=True)
class UnlearningSettings:
    """Settings of one unlearning run, as `unlearning.config.experiment.method_settings` gives them.

    Attributes:
        algorithm: name of the method's file in `unlearning/methods`.
        parameters: the method's own parameters; its file documents them.
        retain_images: 'retain' for the retain set, or the proxy that replaces it: `{"classes": [names]}` of the same
            data set, or `{"dataset": name}`.
        steps: length of the run.
        batch_size: images of each batch.
        loss_reduction: 'sum' or 'mean' over the images of a batch.
        learning_rate: the learning rate of the optimiser.
        optimizer: 'adam', 'adam_warm' (Adam that starts from the moments of the original's training), 'adamw' or
            'sgd'.
        batch_normalisation: 'batch' (the statistics of each batch), or 'frozen' (those of the original's training).
        samples: most fresh samples of each measurement of the forget fraction.
        measure: how often to measure: parts `{"until": step, "every": steps}`, in growing order.
        running_statistics: of batch normalisation in measurements: 'retain' (estimated again from the retain set), or
            'as_left' (as the steps left them); see `unlearning.networks.running_statistics`.
        threshold: share of the samples at which a class counts as unlearned; None if no metric needs one. A measurement
            far from it takes fewer samples.
        trainable: the part of the model that may change, arguments of `model.part`; None for all of it.
        adamw: options of AdamW, which are keyword arguments of `optimisers.Adam`; None for other optimisers.
    """

    algorithm: str
    parameters: dict
    retain_images: str | dict
    steps: int
    batch_size: int
    loss_reduction: str
    learning_rate: float
    optimizer: str
    batch_normalisation: str
    samples: int
    measure: list[dict]
    running_statistics: str
    threshold: float | None = None
    trainable: dict | None = None
    adamw: dict | None = None


@dataclass(frozen=True)
class UnlearningInputs:
    """Images and networks that an unlearning run reads, all on the model's device.

    Attributes:
        retain: (N, C, H, W) uint8 images to keep.
        forget: (M, C, H, W) uint8 images to forget.
        heldout_forget: (L, C, H, W) uint8 held-out images of the forgotten classes. A model that completes images
            completes some of them at each measurement; other models do not use them.
        forgotten_classes: numbers of the classes to count among samples. If it is empty, nothing is counted.
        judge: the networks that count the forgotten classes at each measurement.
        guide: a second classifier, for methods that have one in their loss and for the as-published protocol; None
            where the experiment has none.
        moments: Adam's moments at the end of the original's training, by parameter, for the optimiser 'adam_warm';
            None for other optimisers.
        statistics: (S, B, C, H, W) uint8 batches of the retain set, from which running statistics are estimated again
            in each measurement; see `retain_batches`. A proxy does not replace them. None to keep those of the run.
        probes: what the run shows at some of its steps; None to show nothing.
        retain_labels: (N,) class numbers of the images to keep; only a model with labels needs them.
        forget_labels: (M,) class numbers of the images to forget.
    """

    retain: Tensor
    forget: Tensor
    heldout_forget: Tensor
    forgotten_classes: list[int]
    judge: Ensemble
    guide: Classifier | None = None
    moments: dict[str, Tensor] | None = None
    statistics: Tensor | None = None
    probes: Probes | None = None
    retain_labels: Tensor | None = None
    forget_labels: Tensor | None = None

    @cached_property
    def forgotten(self) -> Tensor:
        """`forgotten_classes` as a tensor (F,)."""
        return torch.tensor(self.forgotten_classes, dtype=torch.long, device=self.retain.device)
