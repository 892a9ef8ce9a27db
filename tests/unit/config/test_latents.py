"""The experiment on latents of ImageNet: its labels, its weights without a checksum, and patches that do not fit."""

import pytest

from unlearning.config.experiment import autoencoder_of, published_weights
from unlearning.config.job_code import codes_of_results
from unlearning.config.load import ConfigError, load_experiment
from unlearning.io.inception_weights import FEATURES

from .test_class_folders import change, root, source, write_empty  # noqa: F401

GOLDEN, LABRADOR = "n02099601", "n02099712"
CLASSES = [f"n{number:08d}" for number in range(207)] + [GOLDEN, LABRADOR] + [f"n1{k:07d}" for k in range(791)]
NAME = "imagenet-dit"
TRAINED = "training: {epochs: 1, batch_size: 2, learning_rate: 1e-3}\nreferences: [original, retrain]"


@pytest.fixture(scope="module")
def thousand_folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagenet")
    write_empty(folder, CLASSES, 1)
    return folder


@pytest.fixture
def filled_in(source, root, thousand_folders, monkeypatch):  # noqa: F811
    """The repository's configuration with a checksum, and folders with a hundredth of the published images."""
    monkeypatch.setattr("unlearning.config.image_counts.FEATURES", FEATURES // 100)
    (source / "imagenet").symlink_to(thousand_folders)
    change(root, NAME, lambda text: text.replace("sha256: null ", f"sha256: '{'0' * 64}' "))
    return root


def test_the_experiment_is_right_once_the_checksum_is_filled_in(filled_in):
    experiment = load_experiment(NAME, filled_in)
    assert [CLASSES.index(name) for name in experiment["forget_set"]["classes"]] == [207]
    assert [CLASSES.index(name) for name in experiment["proxies"]["labrador"]["classes"]] == [208]
    assert experiment["forget_set"]["retain_classes"] == [name for name in CLASSES if name not in (GOLDEN, LABRADOR)]
    codes = codes_of_results(experiment)
    assert {"encode_images", "import_original", "build_reference_alone", "unlearn/uno_relabel"} <= codes.keys()
    weights = published_weights(experiment)["autoencoders"]
    assert weights == autoencoder_of(experiment)
    assert list(weights) == ["model.latent_dit.autoencoder"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            f"sha256: '{'0' * 64}'",
            "sha256: null",
            r"original.weights.sha256 = null: .* fetch https.*256x256.pt once, and",
        ),
        ("sha256: a1d99", "sha256: null #", "model.latent_dit.autoencoder.sha256 = null: .*`sha256sum diffusion_pyt"),
        ("patch: 2", "patch: 3", r"model.latent_dit.patch = 3: images of 256×256 pixels .* patches of 24×24 pixels, 8"),
        ("sampler: ddim", "sampler: dpm_solver", "model.latent_dit.sampler = 'dpm_solver'"),
        ("classes: 1000", "classes: 10", "model.latent_dit.classes = 10: the data set 'imagenet_256' has 1000 classes"),
        ("retain_classes: rest", "retain_classes: others", "forget_set.retain_classes = 'others': must match"),
        ("references: [original]", TRAINED, "references: there is no retrained model on latents yet"),
    ],
)
def test_what_is_wrong_is_named_before_any_job(filled_in, old, new, message):
    change(filled_in, NAME, lambda text: text.replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        load_experiment(NAME, filled_in)
