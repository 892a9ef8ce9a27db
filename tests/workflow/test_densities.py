"""A metric that needs densities of real images makes the workflow evaluate by the script that measures them."""

import json

from ..clone import OF_ONE_ORIGINAL, Clone

MODEL = {
    "unconditional_dit": {
        **{"classes": 10, "patch": 4, "width": 8, "depth": 1, "heads": 2},
        **{"objective": "ddpm_linear", "sampler": "ddim", "sampling_steps": 2},
    }
}
TRAINING = {"epochs": 1, "batch_size": 64, "learning_rate": 1e-3}


def test_a_run_is_evaluated_with_the_likelihood_of_what_is_forgotten(tmp_path):
    clone = Clone.make(tmp_path / "clone")
    settings = OF_ONE_ORIGINAL | {
        "dataset": "digits",
        "forget_set": {"classes": [0]},
        "model": MODEL,
        "training": TRAINING,
        "methods": {"finetune": {}, "ascent": {}},
        "evaluation": {"samples": 200, "metrics": ["duplicate_frequency", "flow_likelihood"]},
    }
    clone.write_experiment(base="mnist-tshirt", **settings)
    pending = clone.pending()
    assert pending["evaluate_density"] == 3
    assert "evaluate" not in pending
    run = "results/tiny/seed0/original"
    clone.run("--cores", "2", f"{run}/metrics.json")
    metrics = json.loads((clone.path / run / "metrics.json").read_text())["metrics"]
    for name in ("flow_bits_forget", "flow_bits_heldout_retain"):
        assert metrics[name]["low"] < metrics[name]["value"] < metrics[name]["high"]
    assert 0 <= metrics["duplicate_frequency"]["value"] <= 100
