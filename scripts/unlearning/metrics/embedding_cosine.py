"""Cosine similarity of embeddings of completed and true images.

Li et al. (ICLR 2024) embed by CLIP. Where an experiment names no weights of CLIP, the features serve as embeddings.
"""

import numpy as np

from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "embedding_cosine": {
        "label": "Cosine ({embeddings})",
        "unit": "",
        "table": True,
        "normalised": True,
        "by_group": True,
        "description": "mean cosine of the {embeddings} of each completed image and of the true one",
    }
}
PANELS = {"embedding_cosine_heldout_forget": "forgetting", "embedding_cosine_heldout_retain": "quality"}
NEEDS = "completions"
OPTIONAL_SETTINGS = ["embedding"]
PUBLISHED_WEIGHTS = "embedding"


def compute(evidence: Evidence) -> dict[str, Value]:
    """The mean over each group."""
    return {
        f"embedding_cosine_{group}": Value(float(cosine(completion.embeddings, completion.true_embeddings).mean()))
        for group, completion in evidence.completions.items()
    }


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Cosine (n,) of each pair of rows of two arrays (n, F); 0 where a row is zero."""
    first, second = first.astype(np.float64), second.astype(np.float64)  # Inception's are in half precision
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(1) / np.maximum(lengths, 1e-30)
