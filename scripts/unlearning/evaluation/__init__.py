"""The evaluation of one run: what the evaluators see of a model's images, and the statistics that metrics use.

Start with `evidence.Evidence`, which every metric gets, and with `collect.evaluate_run`, which fills the evidence.
"""
