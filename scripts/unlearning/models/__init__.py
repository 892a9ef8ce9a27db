"""Generative models, one file each.

The file `models/{name}.py` defines the model `{name}`. The file holds

* `PARAMETERS`: a literal, the JSON schema of each of the model's keys in a configuration. The schema of a mask is
  `{"$ref": "#/$defs/mask"}`, a definition in `schemas/experiment.schema.yaml`;
* `Model(image_shape, **parameters)`: a `torch.nn.Module` for images of the shape (C, H, W).

The file may also hold two literals:

* `CONSTRAINTS = ["mask_fits_image"]`: names of functions in `unlearning.networks.constraints`, conditions on parameters
  and image shape that a schema cannot state. They are checked in this order before any job starts, not in `Model`;
* `PUBLISHED_WEIGHTS = "pretrained"`: the key that names published weights to start from. `Model` then has the method
  `load_pretrained()`, which loads them.

A model of either family below answers three questions:

* What may training and unlearning change? `parameters()`: those with `requires_grad`.
* What is the loss of an image? `losses(images, noise, target=None)`.
* What does the model make? `samples(latents)`, or `completions(images, noise)`.

Pixels are floats in [0, 1]. Random numbers come from the caller: `loss_noise`, `latents` and `completion_noise` draw
tensors from the caller's generator, and all other methods give the same result for the same tensors. `losses` must have
second derivatives, because some methods compute Hessian-vector products.

A model that **generates images** has

* `loss_noise(count, generator)`: all that is random in `count` losses, a tensor (count, ...);
* `losses(images, noise, target=None)`: the loss of each image, (B,), in nats if the loss is a likelihood. `images` is
  (B, C, H, W). `noise` comes from `loss_noise`. `target`, (B, C, H, W), replaces the images that the model is to
  reproduce; some methods teach a model other images;
* `latents(count, generator)`: latents from the prior, a tensor (count, ...);
* `samples(latents)`: the images (B, C, H, W) of latents;
* `posterior(images)`, only if the model has an encoder: mean and logarithm of the variance of the latents, each (B, D).
  Such a model's loss is −log p(x|z) + KL(q(z|x) ‖ p(z)), with a standard normal prior p, z = mean + noise × deviation,
  and standard normal noise (B, D).

A model **with labels** generates images for given classes. The last column of its noise and of its latents holds
labels: the numbers 0 … K − 1 of the K classes, or K, the null label, which stands for no label. `loss_noise` draws null
labels, which the caller replaces by `unlearning.networks.generative.with_labels`. `latents` draws each class as often
as any other. The model has

* `label_embeddings()`: the parameter (K + 1, ...) that holds what the model knows of each label, the null label last;
* `label_dropout`: the share of the labels that become the null label in train mode. Some methods set it to 0 in a loss.

A model **that removes noise** makes a noisy image γ x + σ ε of an image x, with pixels from −1 to 1, and Gaussian noise
ε, the first C·H·W columns of its noise. The last two columns are the time and the label. The model also has

* `signal`: ᾱ of each of its time steps, with γ² = ᾱ and σ² = 1 − ᾱ, for a network that predicts ε. It is empty for a
  rectified flow, whose network predicts the velocity, with γ = 1 − t and σ = t;
* `predictions(images, noise)` and `targets(images, noise)`, (B, C, H, W): what the network predicts, and what would be
  right. The loss of an image is the mean square of their difference;
* `noise_between(images, noise, others)`: the noise (B, ...) that makes of other images the same noisy images.

A model **on latents** has the key `autoencoder`: published weights, which nothing trains. A step of the workflow
encodes the data set once. In training and unlearning, the model then gets latents in place of images. In evaluations,
it gets images. `latent_dit.py` is such a model.

A model with `PARTS = ["attention"]` has `part(part, last_blocks=None)`: the names of the parameters of a part. The key
`trainable` of a configuration names it, and unlearning changes nothing else.

A model that **completes images** fills in the hidden pixels of an image. Its noise is made of planes, (B, K, H, W). One
plane is the mask. The other planes hold whatever else the model needs. The model has

* `loss_noise(count, generator)`: the noise of `count` losses;
* `completion_noise(count, generator)`: the noise of `count` completions;
* `hidden_pixels(noise)`: the mask in noise of either kind, (B, 1, H, W): 1 for a hidden pixel, 0 for a visible pixel;
* `losses(images, noise, target=None)`: the loss (B,) of completing the visible pixels of `images` to `target`, or to
  `images` themselves without a target;
* `completions(images, noise)`: the images (B, C, H, W) with their hidden pixels filled in;
* `embedding(images, noise)`: what the encoder passes to the decoder, a tuple of tensors (B, ...);
* `encoder_parameters()`: the names of the parameters that act through the embedding alone.

The page docs/add_your_own.md has a complete model.
"""
