"""Losses, gradients, optimisers, the training loop and the unlearning loop.

Start with `unlearn.unlearn`. `step.Step` is what a method sees.
"""
