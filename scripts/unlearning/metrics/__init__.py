"""Metrics, one file each: pure functions of arrays.

A metric's file holds the literal `METRICS`, which describes every metric that the file computes

    {name: {"label": ..., "unit": ..., "table": ..., "description": ...}}

(`unit` is '' for a pure number; `table` says whether the main table has a column for it; with
`"by_group": True` there is one, `{name}_{group}`, for each group of real images; with `"event": True` it is the time
to an event that a run may not have seen, whose Kaplan–Meier median is shown, not the mean; in label and description,
`{features}`, `{embeddings}`, `{samples}` and `{retained}` stand for the features and embeddings in use and the
numbers of samples and of retained images), the constant `NEEDS`, one of 'samples', 'completions', 'losses',
'trajectory', 'guide' (which sees samples, or saw them in the trajectory), 'cost' or 'drift', and a function
`compute(evidence)` that returns `{name: Value}`. `compute` is called only for runs that have what the file needs;
the others have no value. A file that reads `evidence.threshold` says so by `NEEDS_THRESHOLD = True`. A file whose metrics follow another protocol explains the protocol in `NOTE`, sentences
for the caption of the main table, with the same placeholders and `{guide_accuracy}`.
"""
