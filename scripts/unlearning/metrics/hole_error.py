"""How far the filled-in pixels are from the true pixels."""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "hole_rmse": {
        "label": "Hole RMSE",
        "unit": "",
        "table": True,
        "normalised": True,
        "by_group": True,
        "description": "root mean square error of the hidden pixels, of a range of 1",
    },
    "hole_ssim": {
        "label": "Hole SSIM",
        "unit": "",
        "table": True,
        "normalised": True,
        "by_group": True,
        "description": "structural similarity (Wang et al. 2004) over the hidden pixels; windows of 7 pixels, of 3 in "
        "images smaller than 16",
    },
}
NEEDS = "completions"


def compute(evidence: Evidence) -> dict[str, Value]:
    """Error and similarity for each group."""
    values = {}
    for group, completion in evidence.completions.items():
        arrays = completion.completed, completion.images, completion.hidden
        values[f"hole_rmse_{group}"] = Value(hole_rmse(*arrays))
        values[f"hole_ssim_{group}"] = Value(hole_ssim(*arrays))
    return values


def hole_rmse(first: np.ndarray, second: np.ndarray, hidden: np.ndarray) -> float:
    """Root mean square difference of images over the hidden pixels.

    Args:
        first: images, (n, C, H, W) uint8.
        second: images, (n, C, H, W) uint8.
        hidden: pixels to compare, (n, 1, H, W) bool.

    Returns:
        The difference, where pixels range from 0 to 1.
    """
    squares = ((first.astype(np.float64) - second) / 255) ** 2
    return float(np.sqrt(squares[np.broadcast_to(hidden, squares.shape)].mean()))


def hole_ssim(first: np.ndarray, second: np.ndarray, hidden: np.ndarray) -> float:
    """Structural similarity over the hidden pixels, of arrays as in `hole_rmse`; windows reach over the hole's edge."""
    from skimage.metrics import structural_similarity

    window = 7 if min(first.shape[2:]) >= 16 else 3
    values = []
    for one, other, mask in zip(first, second, hidden, strict=True):
        _, similarity = structural_similarity(one, other, win_size=window, data_range=255, channel_axis=0, full=True)
        values.append(similarity[np.broadcast_to(mask, similarity.shape)])
    return float(np.concatenate(values).mean())
