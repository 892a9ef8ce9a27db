"""Figures, one file each.

A figure's file holds a function `draw(results)`. It takes a `unlearning.reporting.results.Results` and returns a
matplotlib figure and a caption, one paragraph of reStructuredText. `unlearning.reporting.captions.render_caption` makes
the caption from a template in `report/captions/`.

A file declares in literals what the figure needs. The workflow reads them before any job:

* `MODELS`, 'completing' or 'generating': the only family of models that the figure is for;
* `MODEL_HAS`, such as `["label_embeddings"]`: methods that the model must define;
* `NEEDS`, such as `{"evaluation.threshold": {}}`: keys of the experiment, each with a JSON schema of its value;
* `NEEDS_RETRAINED = True`, if the figure shows nothing without retrained models;
* `SWEPT`, such as `("learning_rate",)`: keys in which some rows must differ that are equal in all others.

A file may also hold `table(results)`, which returns what the figure shows as a table of text, for published results.

The page docs/add_your_own.md has a complete figure.
"""
