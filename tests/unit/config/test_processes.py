"""Training in several processes: the rule that trains, and what is refused before any job."""

import pytest

from unlearning.config.job_code import code_of_job, codes_of_results
from unlearning.config.load import load_experiment
from unlearning.config.processes import check_processes, processes_of, training_rule


@pytest.fixture(scope="module")
def labelled():
    """An experiment without batch normalisation, on the CPU, in two processes."""
    experiment = load_experiment("digits-dit")
    return experiment | {"training": experiment["training"] | {"processes": 2}, "device": "cpu"}


def test_the_rule_that_trains_follows_from_the_number_of_processes(labelled):
    alone = labelled | {"training": labelled["training"] | {"processes": 1}}
    nothing_trained = {key: value for key, value in labelled.items() if key != "training"}
    assert [processes_of(each) for each in (labelled, alone, nothing_trained)] == [2, 1, 1]
    assert [training_rule(each) for each in (labelled, alone)] == ["train_in_processes", "train"]
    codes = codes_of_results(labelled)
    assert codes["train_in_processes"] == code_of_job("train_in_processes", labelled) != code_of_job("train", labelled)
    assert codes.keys() - codes_of_results(alone).keys() == {"train_in_processes"}


def test_each_process_needs_a_gpu_where_there_are_gpus(labelled):
    check_processes("made", labelled, 1)
    for device in ("auto", "cuda"):
        for cards in (0, 2):  # 0 also stands for those of a cluster
            check_processes("made", labelled | {"device": device}, cards)
        with pytest.raises(
            ValueError, match=r"configs/made.yaml: training.processes = 2: each process needs a GPU, .* has 1; lower it"
        ):
            check_processes("made", labelled | {"device": device}, 1)


def test_batch_normalisation_is_refused(labelled):
    normalised = labelled | {"model": load_experiment("digits")["model"]}
    with pytest.raises(ValueError, match=r"made.yaml: training.processes = 2: vae has batch normalisation, .* to 1"):
        check_processes("made", normalised, 0)
