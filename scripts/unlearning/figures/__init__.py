"""Figures, one file each.

A figure's file holds a function `draw(results)` that takes `unlearning.reporting.results.Results` and returns a
matplotlib figure and its caption, one paragraph of reStructuredText. What it cannot be drawn without stands in
literals, which are read before any job:

* `MODELS`, 'completing' or 'generating': the only family of models that it is for;
* `NEEDS`, `{"evaluation.threshold": {}}`: keys of the experiment, each with a JSON schema of its value;
* `SWEPT`, `("learning_rate",)`: keys in which some rows must differ that are alike in all others.
"""
