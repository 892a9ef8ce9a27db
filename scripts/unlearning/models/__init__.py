"""Generative models, one file each.

A model's file holds the literal `PARAMETERS` (the JSON schema of its keys in a configuration) and a
class `Model(image_shape, **parameters)`, a `torch.nn.Module` that answers three questions:

* `losses(images, noise, target=None)`: the loss of each image, (B,) in nats where it is a likelihood, for images
  (B, C, H, W) in [0, 1] and noise drawn by `loss_noise(count, generator)`; `target`: what to reproduce instead of
  the images, for methods that teach something else;
* `samples(latents)`: images (B, C, H, W) in [0, 1], from latents drawn by `latents(count, generator)`;
* `parameters()`: those with `requires_grad` are what training and unlearning may change.

A model with an encoder also has `posterior(images)`: mean and log-variance of the latents, each (B, D).

A model that completes images from a part of them has no latents and no samples. Its `loss_noise` holds a
mask beside whatever else a loss draws, in planes (count, K, H, W), and it has

* `losses(images, noise, target=None)`: the loss of completing the visible pixels of `images` to `target`,
  the images themselves where None;
* `completions(images, noise)`: the images with their hidden pixels filled in, (B, C, H, W) in [0, 1], for
  noise drawn by `completion_noise(count, generator)`;
* `hidden(noise)`: the mask in noise of either kind, (B, 1, H, W): 1 where a pixel is hidden, else 0;
* `embedding(images, noise)`: what the encoder gives the decoder, a tuple of tensors (B, ...);
* `encoder_parameters()`: the names of the parameters that act through the embedding alone.

A model that can start from published weights has `load_pretrained()`, which takes them over.
"""
