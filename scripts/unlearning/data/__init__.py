"""Prepared data sets and the sets of images that an experiment forgets and retains.

Start with `dataset.Dataset` and `forget_set.ForgetSet`.
"""
