"""A training in two processes by one key of the experiment, as Snakemake runs it."""

import json

from ..clone import Clone


def test_one_key_trains_in_two_processes_and_batch_normalisation_is_refused(tmp_path):
    clone = Clone.make(tmp_path / "clone")
    clone.write_experiment(base="digits-dit", training__processes=2, training__epochs=1, device="cpu")
    output = clone.run("--cores", "2", "results/tiny/seed0/original/model.safetensors")
    assert "rule train_in_processes:" in output
    assert "threads: 2" in output
    folder = clone.path / "results" / "tiny"
    record = json.loads((folder / "seed0" / "original" / "record.json").read_text())
    assert (record["status"], record["device"]) == ("finished", "cpu")
    assert record["settings"]["training"]["processes"] == 2
    log = (folder / "logs" / "train_in_processes" / "seed0" / "original.log").read_text()
    assert log.count("22/22") == 1, "one process shows the progress"
    assert clone.pending("results/tiny/seed0/original/model.safetensors") == {}
    clone.write_experiment(base="digits", training__processes=2)
    done = clone.snakemake("--cores", "2", "models")
    assert done.returncode != 0
    assert "configs/tiny.yaml: training.processes = 2: vae has batch normalisation" in done.stdout + done.stderr
    assert not (folder / "judge").exists(), "a job started"
