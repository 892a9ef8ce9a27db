"""Share of the forgotten class against the seconds of unlearning, under each way of asking a model with labels."""

import matplotlib.pyplot as plt

from unlearning.figures.asked import draw_against
from unlearning.reporting.results import Results

MODEL_HAS = ["label_embeddings"]


def draw(results: Results) -> tuple[plt.Figure, str]:
    """Draw a panel per method against the seconds of preparation and steps, with a line per way of asking.

    Args:
        results: Results of the experiment.

    Returns:
        The figure and its caption.
    """
    return draw_against(results, "seconds")
