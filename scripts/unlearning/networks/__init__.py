"""Networks: what all generative models share, parts of networks, and networks that classify or embed images.

Start with `generative`, which builds, saves and loads a model and draws samples from a model.
"""
