"""Constraints: conditions that the parameters of a model must meet on images of a given shape.

Each public function is one constraint. The file of a model names the constraints of that model. Each function has the
same arguments and the same effect:

Args:
    parameters: the parameters of the model in a configuration, valid by their JSON schema.
    image_shape: (C, H, W).

Raises:
    ValueError: the parameters do not meet the constraint. The message holds the key, the value, the reason and the
        cure: `"groups = 4: does not divide all of channels = [4, 6]; choose a common divisor"`.
"""

from unlearning.networks import masks

PIXELS_OF_A_LATENT = 8  # side of the square that a latent of Stable Diffusion's autoencoders stands for


def heads_divide_width(parameters: dict, image_shape: list[int]) -> None:
    """Require that `heads` divides `width`, and `decoder_heads` divides `decoder_width`; a model need not have both."""
    for prefix in ("", "decoder_"):
        if f"{prefix}heads" in parameters:
            heads, width = parameters[f"{prefix}heads"], parameters[f"{prefix}width"]
            if width % heads:
                raise ValueError(f"{prefix}heads = {heads}: does not divide {prefix}width = {width}; choose a divisor")


def patches_tile_image(parameters: dict, image_shape: list[int]) -> None:
    """Require that the images are a square of whole patches of `patch`×`patch` pixels."""
    patch = parameters["patch"]
    _, height, width = image_shape
    if height != width or height % patch:
        raise ValueError(
            f"patch = {patch}: images of {height}×{width} pixels are not a square of whole patches; "
            "choose a divisor of the side, or other images"
        )


def latent_patches_tile_image(parameters: dict, image_shape: list[int]) -> None:
    """Require that the images are a square of whole patches of `patch`×`patch` latents, of 8×8 pixels each."""
    side, (_, height, width) = PIXELS_OF_A_LATENT * parameters["patch"], image_shape
    if height != width or height % side:
        raise ValueError(
            f"patch = {parameters['patch']}: images of {height}×{width} pixels are not a square of whole patches of "
            f"{side}×{side} pixels, {PIXELS_OF_A_LATENT} for each latent; choose another patch, or other images"
        )


def mask_fits_image(parameters: dict, image_shape: list[int]) -> None:
    """Require that `mask` hides a part of each image but not all, and that a square lies exactly in the centre."""
    mask = parameters["mask"]
    if "random" in mask:
        _random_mask_fits(mask, image_shape)
    else:
        _square_mask_fits(mask, image_shape)


def mask_follows_patches(parameters: dict, image_shape: list[int]) -> None:
    """Require that `mask`, which fits the images, hides each of the model's patches as a whole or not at all."""
    _mask_follows_grid(parameters["mask"], image_shape, parameters["patch"])


def mask_follows_codes(parameters: dict, image_shape: list[int]) -> None:
    """Require that `mask` hides each code, a square with side 2^(len(`channels`) − 1), as a whole or not at all."""
    _mask_follows_grid(parameters["mask"], image_shape, 2 ** (len(parameters["channels"]) - 1))


def groups_divide_channels(parameters: dict, image_shape: list[int]) -> None:
    """Require that `groups`, of the group normalisations, divides each of `channels`."""
    groups, channels = parameters["groups"], parameters["channels"]
    if any(count % groups for count in channels):
        raise ValueError(f"groups = {groups}: does not divide all of channels = {channels}; choose a common divisor")


def image_can_be_halved(parameters: dict, image_shape: list[int]) -> None:
    """Require that the images can be halved between the resolutions, one for each of `channels`."""
    _can_be_halved(parameters["channels"], image_shape, len(parameters["channels"]) - 1)


def image_can_be_halved_per_channel(parameters: dict, image_shape: list[int]) -> None:
    """Require that the images can be halved once for each of `channels`."""
    _can_be_halved(parameters["channels"], image_shape, len(parameters["channels"]))


def sampler_fits_objective(parameters: dict, image_shape: list[int]) -> None:
    """Require that `sampler` follows a velocity for the objective 'flow', and removes noise for the others."""
    objective, sampler = parameters["objective"], parameters["sampler"]
    fitting = ("euler", "heun") if objective == "flow" else ("ddim", "dpm_solver")
    if sampler not in fitting:
        raise ValueError(
            f"sampler = {sampler!r}: does not fit objective = {objective!r}; choose {' or '.join(map(repr, fitting))}"
        )


def guidance_has_null_label(parameters: dict, image_shape: list[int]) -> None:
    """Require a trained null label, which takes `label_dropout`, for a `guidance` above 1."""
    if parameters["guidance"] > 1 and not parameters["label_dropout"]:
        raise ValueError(
            f"guidance = {parameters['guidance']}: compares with the null label, which label_dropout = 0 never trains; "
            "set label_dropout, such as 0.1, or guidance = 1"
        )


def _random_mask_fits(mask: dict, image_shape: list[int]) -> None:
    ratio, patch = mask["random"]["ratio"], mask["random"]["patch"]
    _, height, width = image_shape
    size = f"images of {height}×{width} pixels"
    if height % patch or width % patch:
        raise ValueError(f"mask.random.patch = {patch}: does not divide {size}; choose a divisor of both sides")
    patches, hidden = height * width // patch**2, masks.hidden_patches(mask, image_shape)
    if not 0 < hidden < patches:
        raise ValueError(
            f"mask.random.ratio = {ratio}: hides {hidden} of the {patches} patches of {size}; choose a ratio that "
            "hides some and leaves some, or smaller patches"
        )


def _square_mask_fits(mask: dict, image_shape: list[int]) -> None:
    ((kind, values),) = mask.items()
    side, key = values["side"], f"mask.{kind}.side = {values['side']}"
    _, height, width = image_shape
    size = f"images of {height}×{width} pixels"
    if side > min(height, width):
        raise ValueError(f"{key}: larger than {size}; choose a smaller side")
    if side == height == width:
        effect = "everything" if kind == "centre_hole" else "nothing"
        raise ValueError(f"{key}: hides {effect} of {size}; choose a smaller side")
    if (height - side) % 2 or (width - side) % 2:
        cure = f"choose an {'odd' if height % 2 else 'even'} one" if (height - width) % 2 == 0 else "no side has one"
        raise ValueError(f"{key}: has no exact centre in {size}; {cure}")


def _mask_follows_grid(mask: dict, image_shape: list[int], patch: int) -> None:
    """Require that the edges of a mask lie between patches of `patch`×`patch` pixels."""
    ((kind, values),) = mask.items()
    _, height, width = image_shape
    if kind == "random":
        key, lengths = "patch", [values["patch"]]
    else:
        key, side = "side", values["side"]
        lengths = [side, (height - side) // 2, (width - side) // 2]
    if any(length % patch for length in lengths):
        raise ValueError(
            f"mask.{kind}.{key} = {values[key]}: cuts through the model's {patch}×{patch} patches in images of "
            f"{height}×{width} pixels; move its edges to multiples of {patch} pixels"
        )


def _can_be_halved(channels: list[int], image_shape: list[int], halvings: int) -> None:
    _, height, width = image_shape
    if height % 2**halvings or width % 2**halvings:
        raise ValueError(
            f"channels = {channels}: images of {height}×{width} pixels cannot be halved {halvings} times; "
            "name fewer channels"
        )
