"""What all generative models share, parts of networks, and the networks that look at images.

Start with `generative`, which builds, saves and loads a model.
"""
