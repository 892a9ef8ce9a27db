"""Metrics, one file each: pure functions of what is known of a run.

The file `metrics/{name}.py` may compute several metrics. The file holds

* `METRICS`: a literal that describes each metric by its name, with
    * `"label"`: the name in tables and figures;
    * `"unit"`: '' for a pure number;
    * `"table"`: whether the main table has a column for the metric;
    * `"description"`: one line for captions;
    * `"normalised": True` if the value of the retrained model is the goal. The metric is then also shown on a scale
      with the original model at 0 and the retrained model at 1. Times and memory have no such scale;
    * `"has_threshold": True` if the key `threshold` of `evaluation` is a threshold of the metric, and the metric is in
      per cent. The main table then warns where retrained models exceed the threshold;
    * `"by_group": True` if there is one metric `{name}_{group}` for each group of real images;
    * `"event": True` if the metric is the time until an event that a run may not reach. Tables then show the
      Kaplan–Meier median instead of the mean;
* `NEEDS`: what the metrics are computed from. A run without it has no values. The constant is one of 'samples' and
  'completions' (by the family of the model), 'losses', 'by_label' (samples under each label, of models with labels),
  'by_statistics' (running statistics of several sources), 'trajectory' (the steps of a method), 'guide' (the
  as-published protocol), 'drift' (of models that complete images), 'log_probabilities' (of real images, see
  `unlearning.evaluation.density.DensityEvidence`) and 'cost' (which every run has);
* `compute(evidence)`: the values `{name: Value}`; see `unlearning.evaluation.evidence.Evidence`. A metric that is left
  out has no value. A numpy array beside the values is stored in `samples.npz` as `{file}.{name}`, for a figure.

The file may also hold further literals:

* `SETTINGS = ["threshold"]`: keys of `evaluation` in the configuration that the metrics cannot do without, and
  `OPTIONAL_SETTINGS` for keys that the metrics read if they are there;
* `MODEL_HAS = ["predictions"]`: methods that the model must define, and `NEEDS_NULL_LABEL = True` if the null label
  must be trained;
* `PUBLISHED_WEIGHTS = "embedding"`: the key of `evaluation` that names published weights;
* `PANELS = {"brightness": "quality"}`: the theme under which people read the column of a metric, one of 'forgetting',
  'quality', 'likelihood', 'cost' and 'as_published'. A panel has at most five metrics, the first ones of the
  configuration. The metric of a group is named with the group. A metric without a panel is in `table.csv` only;
* `BETTER = {"ms_per_step": "lower"}`: 'lower' or 'higher', if such a value is better. Without it, an earlier event is
  better, and the best value of a `normalised` metric is the closest to the retrained model. Of all other metrics, no
  value is marked as the best;
* `NEEDS_RETRAINED = ["fid_retrain"]`: metrics without a value where the experiment has no retrained models, for the
  note below the main table. Those of groups count as well;
* `LEAST_SAMPLES = 6`: the smallest `evaluation.samples`, or `evaluation.label_samples` if the file needs 'by_label';
* `MORE_IMAGES_THAN_FEATURES`: the images and features of an estimated covariance matrix, see `metrics/fid.py`;
* `NOTE`: sentences for the caption of the main table, if the metrics follow a protocol of their own.

Labels, descriptions and notes may contain `{features}` and `{embeddings}`, the features and embeddings in use,
`{samples}` and `{retained}`, the numbers of samples and of retained images, `{pooled}`, the number of samples of the
retrained models that a run is compared with, `{margin}` in percentage points, `{guide_accuracy}` in per cent,
`{bound}`, the bound on log p(x), `{other_seeds}`, the number of seeds less one, and `{values[name]}`, the mean of the
metric `name` over all runs.

The page docs/add_your_own.md has a complete metric.
"""
