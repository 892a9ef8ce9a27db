"""Write an unlearned model for use elsewhere: its weights in the format of its original, and a model card."""

from pathlib import Path

import torch

from unlearning.io import given_files
from unlearning.io.files import atomic_path, read_json, sha256_of_file
from unlearning.io.tensors import read_tensors
from unlearning.networks.exporting import export
from unlearning.reporting.model_card import model_card
from unlearning.reporting.results import Results
from unlearning.runtime.job import run


def main(
    *,
    method: str,
    seed: int,
    configuration: dict,
    entry: dict | None,
    model: Path,
    record: Path,
    original: Path,
    source: Path | None,
    table: Path,
    accuracy: list[Path],
    forget_set: Path,
    dataset: Path,
    weights: Path,
    card: Path,
) -> None:
    """Export one model.

    Args:
        method: name of the row.
        seed: the seed of the run.
        configuration: configuration of the experiment.
        entry: the key `original.weights` of the configuration for this seed; None if the original was trained here.
        model: weights of the run.
        record: what the run wrote about itself.
        original: weights of the original, for its hash.
        source: the file of weights that the original came from, or the record of a fetched one; None without.
        table: `metrics.csv`.
        accuracy: `accuracy.json` of the judge and, if there is one, of the guide.
        forget_set: `forget_set.json`.
        dataset: manifest of the prepared data set.
        weights: file to write: the weights.
        card: Markdown file to write.
    """
    arrays, header = read_tensors(model)
    file = given_files.file_of(entry, source) if source else None
    with atomic_path(weights) as temporary:
        export({name: torch.from_numpy(array) for name, array in arrays.items()}, temporary, file, entry)
    hashes = {"this file": weights, "the original, as this project holds it": original}
    hashes |= {"the file that the original came from": file} if file else {}
    text = model_card(
        Results.read(configuration, table, accuracy, forget_set),
        method,
        seed,
        file=weights.name,
        architecture=header,
        entry=entry or {},
        record=read_json(record),
        data=read_json(dataset),
        hashes={words: sha256_of_file(path) for words, path in hashes.items()},
    )
    with atomic_path(card) as temporary:
        temporary.write_text(text, encoding="utf-8")


if "snakemake" in globals():
    run(main, snakemake)
