"""Unlearning methods, one file each: an update rule on the loop in `unlearning_run`.

A method's file holds the literal `PARAMETERS` (the JSON schema of its own keys in a configuration)
and a function `direction(step, **parameters)` that returns the vector d, (P,), for one optimiser
step; the optimiser steps along −d. `step` offers, for both batches (`step.retain`, `step.forget`),
`value`, `gradient` and Hessian-vector products; see `unlearning.training.gradients`.

A method that needs more than the two losses may also hold

* `prepare(start, **parameters)`, called once before the first step with the frozen original and all
  images (`gradients.Setup`); what it returns is `step.prepared`, and its time counts as the method's;
* `NEEDS_GUIDE = True`: a classifier has a part in the loss, so the experiment needs the key `guide`;
* `MODELS = "generating"` or `"completing"`: the family of models it is for, where it is not for both;
* `ENCODER_ONLY = True`: of a model that completes images, only the encoder's parameters may change;
* `BASELINE = True`: tables compare every other row with the rows of this algorithm;
* `COUNTED_AFTER_UPDATE = True`: the released code of the UNO paper counts forgotten samples of this method after the
  update of a step, and before it for all others. The run's record says so, and the as-published protocol reads it.

Notation: g_r, g_f are the gradients of the retain and the forget loss, c = g_f·g_r, a = |g_f|²,
b = |g_r|².
"""
