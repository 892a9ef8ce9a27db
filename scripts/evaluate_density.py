"""Evaluate one run of a model that removes noise, as `evaluate.py` does, with log-probabilities of real images."""

# A script of its own, so that the experiments whose metrics need no such thing keep their code hash and their results.
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from evaluate import HASHED, Inputs, compute_metrics, describe_result, known_evidence
from unlearning.evaluation.collect import evaluate_run
from unlearning.evaluation.density import DensityEvidence, group_log_probabilities
from unlearning.evaluation.evaluators import Evaluators
from unlearning.evaluation.reference import Reference
from unlearning.io.files import atomic_path, read_json, sha256_of_file, write_json
from unlearning.networks import generative
from unlearning.runtime.device import explain_out_of_memory, prepare_device
from unlearning.runtime.job import run
from unlearning.runtime.provenance import run_record


def main(
    *,
    settings: dict,
    other_seed: int | None,
    attribute: str | None,
    device: str,
    code: str,
    metrics: Path,
    samples: Path,
    **inputs: Path | None,
) -> None:
    """Compute the configured metrics; arguments and files are those of `evaluate.main`."""
    files, target = Inputs(**inputs), prepare_device(device)
    hashed = {name: inputs[name] for name in HASHED if inputs[name]}
    provenance = run_record(settings=settings, code=code, inputs=hashed)
    record = read_json(files.record)
    reference = Reference.load(files.reference, other_seed)
    evidence = DensityEvidence(**vars(known_evidence(files, record, reference, attribute, settings)))
    stored = {"images": np.zeros((0, *evidence.data.images.shape[1:]), np.uint8), "classes": np.zeros(0, int)}
    if record["status"] != "diverged":
        with explain_out_of_memory():
            network, *_ = generative.load(files.model, target)
            evaluators = Evaluators.load(
                files.judge, files.guide, files.weights, target, settings.get("embedding"), samples.parent
            )
            evidence, stored = evaluate_run(network.eval(), evaluators, evidence, reference, settings, target)
            images = torch.from_numpy(evidence.data.images).to(target)
            found = group_log_probabilities(network, images, evidence.groups)
            evidence = replace(evidence, log_probabilities=found)
    values, arrays = compute_metrics(settings["metrics"], evidence)

    with atomic_path(samples) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **stored, **arrays)
    hashes = {"evaluation": provenance, "samples_sha256": sha256_of_file(samples)}
    write_json(metrics, describe_result(evidence, values) | hashes)


if "snakemake" in globals():
    run(main, snakemake)
