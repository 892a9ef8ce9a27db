"""Selections that cannot work are refused before any job."""

import pytest

from unlearning.config.selection import check_proxies, check_selection
from unlearning.data.description import describe_dataset

CLASSES = ["zero", "one", "two", "three"]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"classes": ["ten"]}, "not a class of made up; its classes: zero, one, two, three"),
        ({"classes": "ones"}, "must be a list of class names, or 'all'"),
        ({"classes": "all"}, "the retain set would be empty"),
        ({"classes": CLASSES}, "the retain set would be empty"),
        ({"classes": ["one"], "fraction": 0.001, "seed": 0}, "chooses none of 10 images"),
        ({"classes": ["one"], "samples": 11, "seed": 0}, "forget_set.samples = 11: there are only 10 such"),
        ({"classes": "all", "samples": 41, "seed": 0}, "forget_set.samples = 41: there are only 40 such"),
        ({"classes": "all", "samples": 40, "seed": 0}, "the retain set would be empty"),
        ({"classes": ["one"], "samples": 2, "fraction": 0.5, "seed": 0}, "'seed' goes with one of"),
        ({"classes": ["one"], "seed": 0}, "'seed' goes with one of"),
        ({"indices": [1], "samples": 1, "seed": 0}, "goes with 'classes'"),
        ({"indices": [40]}, "must be a number in the training split, 0 to 39"),
        ({"indices": list(range(40))}, "the retain set would be empty"),
        ({"indices": [1], "fraction": 0.5, "seed": 0}, "goes with 'classes'"),
        ({"indices": [1], "classes": ["one"]}, "one of"),
        ({"attribute": "red", "classes": ["one"]}, "give one of"),
        ({"attribute": "red", "seed": 0}, "'seed' goes with one of"),
        ({"attribute": "red", "samples": 40, "seed": 0}, "forget_set.samples = 40: there are only 40 training images"),
        ({"attribute": "rde"}, "not an attribute of made up; did you mean 'red' or 'round'?"),
        ({"attribute": "huge"}, "not an attribute of made up; it has red, round"),
        ({}, "give one of 'classes'"),
        ({"classes": ["one"], "retain_classes": ["two"], "retain_fraction": 0.01}, "none of their 10 training images"),
    ],
)
def test_impossible_selections_are_refused_before_any_job(selection, message):
    description = {"name": "made up", "classes": CLASSES, "train_images": [10] * 4, "attributes": ["red", "round"]}
    (problem,) = check_selection(selection, description)
    assert problem.startswith("forget_set")
    assert message in problem


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"classes": [4], "retain_classes": [5]}, None),
        ({"classes": [4], "retain_classes": [3, 5], "retain_fraction": 0.5}, None),
        ({"classes": [4], "retain_classes": [3, 5]}, "all its images are in the retain set"),
        ({"classes": [4], "retain_classes": [3], "retain_fraction": 0.9999}, "all its images are in the retain set"),
        ({"indices": [4], "retain_classes": [5]}, "leaves none to stand for it"),
        ({"classes": [3], "retain_classes": [5]}, "is to be forgotten"),
        ({"classes": [4]}, "leaves none to stand for it"),
        ({"classes": "all", "fraction": 0.5, "seed": 0}, "leaves none to stand for it"),
    ],
)
def test_classes_stand_for_the_retain_set_by_images_that_are_not_in_it(selection, message):
    experiment = {"dataset": "digits", "forget_set": selection, "proxies": {"others": {"classes": [3]}}}
    problems = check_proxies(experiment)
    assert [message in problem for problem in problems] == ([True] if message else [])


def test_a_retain_class_that_is_unknown_is_reported_once_also_beside_a_proxy():
    selection = {"classes": [4], "retain_classes": [3, "bogus"]}
    experiment = {"dataset": "digits", "forget_set": selection, "proxies": {"others": {"classes": [3]}}}
    (problem,) = check_selection(selection, describe_dataset("digits")) + check_proxies(experiment)
    assert problem.startswith("forget_set.retain_classes")
    assert "'bogus' is not a class of digits" in problem
