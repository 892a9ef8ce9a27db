"""What an interrupted training or unlearning run continues from."""

from dataclasses import dataclass

import torch
from torch import nn

from unlearning.runtime.checkpoint import Checkpoint
from unlearning.training.optimisers import Optimizer


@dataclass(frozen=True)
class ResumableState:
    """Everything that a step changes, apart from the results so far.

    Attributes:
        model: the model, with weights and buffers.
        optimizer: the optimiser.
        streams: the random streams, by name.
    """

    model: nn.Module
    optimizer: Optimizer
    streams: dict[str, torch.Generator]

    def load(self, checkpoint: Checkpoint) -> dict:
        """Continue from the checkpoint.

        Args:
            checkpoint: where an earlier process may have saved.

        Returns:
            The results that were saved with the state; an empty mapping without a checkpoint.
        """
        saved = checkpoint.load()
        if saved is None:
            return {}
        self.model.load_state_dict(saved["model"])
        self.optimizer.load_state(saved["optimizer"])
        for name, generator in self.streams.items():
            generator.set_state(saved["streams"][name])
        return saved["results"]

    def save(self, checkpoint: Checkpoint, results: dict) -> None:
        """Write the checkpoint, with the results so far."""
        streams = {name: generator.get_state() for name, generator in self.streams.items()}
        model, optimizer = self.model.state_dict(), self.optimizer.state
        checkpoint.save({"model": model, "optimizer": optimizer, "streams": streams, "results": results})
