"""A user's own VAE, trained outside and saved as a state dict: unlearned, judged, exported, and loaded again."""

import json

import pytest
import torch
import yaml
from torch import nn

from ..clone import OF_ONE_ORIGINAL, UNO, Clone


class OwnVae(nn.Module):
    """The user's own code: the architecture of `vae`, under names of its own."""

    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU())
        self.mu, self.sigma = nn.Linear(16, 2), nn.Linear(16, 2)
        self.dec = nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 64))

    def forward(self, latents):
        return self.dec(latents)


RENAME = {
    "prefixes": {"mu.": "mean.", "sigma.": "log_variance.", "dec.": "decoder."},
    "patterns": {r"enc\.0\.(.*)": r"encoder.1.\1", r"enc\.1\.(.*)": r"encoder.2.\1"},
}


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    made = Clone.make(tmp_path_factory.mktemp("elsewhere"))
    torch.manual_seed(0)
    torch.save(OwnVae().state_dict(), made.path / "own.pth")
    made.write_experiment(
        model={"vae": {"hidden_units": 16, "latent_dimensions": 2}},
        original={"weights": {"file": "own.pth", "rename": RENAME, "licence": "CC0"}},
        methods={"finetune": {}, "uno": UNO},
        **OF_ONE_ORIGINAL,
    )
    return made


def test_weights_that_do_not_fit_stop_the_run_before_the_first_job(clone):
    experiment = clone.path / "configs" / "tiny.yaml"
    right = experiment.read_text()
    wrong = yaml.safe_load(right)
    wrong["original"]["weights"]["rename"]["prefixes"]["mu."] = "men."
    experiment.write_text(yaml.safe_dump(wrong))
    done = clone.snakemake("--cores", "2")
    experiment.write_text(right)
    assert done.returncode != 0
    assert "'men.weight' of the file, shape 2×16: not in the model; nearest: 'mean.weight'" in done.stdout + done.stderr
    assert not clone.made()


def test_the_exported_model_loads_in_the_user_s_own_code(clone):
    clone.run("--cores", "2", "export", "all")
    folder = clone.path / "results" / "tiny"
    exported = torch.load(folder / "export" / "seed0" / "uno.pth", weights_only=True)
    before, after = OwnVae(), OwnVae()
    before.load_state_dict(torch.load(clone.path / "own.pth", weights_only=True))
    after.load_state_dict(exported)
    assert not torch.equal(before.dec[0].weight, after.dec[0].weight)
    card = (folder / "export" / "seed0" / "uno.pth.md").read_text()
    value = json.loads((folder / "seed0" / "uno" / "metrics.json").read_text())["metrics"]["forget_fraction"]["value"]
    assert f"| Forget fraction (%) | {value:.4g}" in card
    assert "licence: CC0" in card
    assert "The experiment has no retrained models" in card
    assert "FID to retrained" in (folder / "table.md").read_text()
    assert clone.pending("export", "all") == {}
