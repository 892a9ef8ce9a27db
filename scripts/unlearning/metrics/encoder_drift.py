"""How far a run moved the encoder, and the other parameters, of a model that completes images."""

from unlearning.evaluation.evidence import Evidence, Value

METRICS = {
    "encoder_drift": {
        "label": "Encoder drift",
        "unit": "%",
        "table": True,
        "description": "length of the change of the encoder's parameters, relative to their length",
    },
    "decoder_drift": {
        "label": "Decoder drift",
        "unit": "%",
        "table": True,
        "description": "the same of all other parameters; 0 exactly for methods that train only the encoder",
    },
}
NEEDS = "drift"


def compute(evidence: Evidence) -> dict[str, Value]:
    """Both drifts as the unlearning job recorded them, in per cent."""
    return {name: Value(100 * evidence.record[name]) for name in METRICS}
