"""Unlearning methods, one file each: the direction of each step of the loop in `unlearning.training.unlearn`.

A method's file holds the literal `PARAMETERS`, the JSON schema of the method's own keys in a configuration, and the
function `direction(step, **parameters)`. The function returns the vector d, (P,), of one step, and the optimiser steps
along −d. For both batches, `step.retain` and `step.forget`, a step offers the loss with its `value`, its `gradient` and
Hessian-vector products: see `unlearning.training.step.Step` and `unlearning.training.gradients`. The page
docs/add_your_own.md has a complete method.

The file may also say how tables and figures show the method:

* `TITLE = "Gradient ascent"`: the name that readers see. The default is the name of the file in words;
* `GROUP = "ascent"`: the group of rows, one of 'finetuning', 'ascent', 'surgery', 'uno' and 'others', the default.

A method that needs more than the two losses may also hold

* `prepare(setup, **parameters)`, which is called once before the first step with the frozen original and all images,
  see `unlearning.training.step.Setup`. Its result is `step.prepared`; its time counts as the method's;
* `movable(prepared)`, which is called once after `prepare` and returns (P,) bool: True for the weights that may change.
  The optimiser leaves all others as they are, also where its moments or weight decay would move them;
* `NEEDS_GUIDE = True`: a classifier has a part in the loss, so the experiment needs the key `guide`;
* `MODELS = "generating"` or `"completing"`: the family of models that the method is for, if it is not for both;
* `MODEL_HAS = ["posterior"]`: what the method calls of a model and not every model defines, such as `posterior`,
  `label_embeddings` or `predictions`;
* `LABELS = ["to"]`: parameters whose values are labels to retain, or words for other labels, such as 'null_label';
* `NEEDS_WHOLE_CLASS = True`: a class must be forgotten as a whole, and not a part of its images;
* `NEEDS_NULL_LABEL = True`: the method uses the null label, which must have been trained;
* `edit(step, **parameters)`: changes the weights itself, in place of the optimiser's step along −d;
* `ENCODER_ONLY = True`: of a model that completes images, only the encoder's parameters may change;
* `BASELINE = True`: tables compare every other row with the row that has the method's name;
* `COUNTED_AFTER_UPDATE = True`: the released code of the UNO paper counts forgotten samples of this method after the
  update of a step, and before it for all others. The record of a run says so to the as-published protocol.

The docstring of the file becomes the method's section on the page *Methods* of the documentation. The docstring is
Markdown. Formulas are LaTeX, between `$` in a line and between `$$` on lines of their own. Paragraphs that begin with
`**Source.**` and `**Released code.**` say where the method comes from, and where the authors' code differs.

Notation: L_r and L_f are the retain and the forget loss, g_r and g_f their gradients, c = g_f·g_r, a = |g_f|² and
b = |g_r|².
"""
