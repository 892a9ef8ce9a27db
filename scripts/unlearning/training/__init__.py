"""Losses and gradients, optimisers, the training of models, and the unlearning loop.

Start with `unlearn.unlearn`, the loop that every method runs on. `step.Step` is what a method works with, and
`settings.UnlearningSettings` lists what a run depends on. `train.train` trains models from scratch.
"""
