"""Unlearning methods, one file each: an update rule on the loop in `unlearning_run`.

A method's file holds the literal `PARAMETERS` (the JSON schema of its own keys in a configuration)
and a function `direction(step, **parameters)` that returns the vector d, (P,), for one optimiser
step; the optimiser steps along −d. `step` offers, for both batches (`step.retain`, `step.forget`),
`value`, `gradient` and `gradient_and_hessian()`; see `unlearning.gradients`.

Notation: g_r, g_f are the gradients of the retain and the forget loss, c = g_f·g_r, a = |g_f|²,
b = |g_r|².
"""
