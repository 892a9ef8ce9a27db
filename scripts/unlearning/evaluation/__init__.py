"""Judging one run: what is gathered from a model, and the statistics that metrics use.

Start with `evidence.Evidence`, which every metric gets.
"""
