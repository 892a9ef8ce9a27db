"""The map of the pipeline: configuration, then one file of rules per stage.

`snakemake` (or `make`) runs everything that config.yaml names; `snakemake --list-target-rules` lists
what else can be asked for.
"""

import sys

from snakemake.utils import min_version

min_version("9.27")
sys.path.insert(0, f"{workflow.basedir}/scripts")


include: "rules/common.smk"
include: "rules/resources.smk"


pathvars:
    results=SETTINGS["results"],
    data=SETTINGS["data"],


wildcard_constraints:
    experiment="|".join(EXPERIMENTS),
    dataset=r"\w+",  # no folders: `data` may contain `results`
    seed=r"\d+",
    method="[a-z][a-z0-9_]*",


report: "report/workflow.rst"


include: "rules/data.smk"
include: "rules/pretrain.smk"
include: "rules/unlearn.smk"
include: "rules/evaluate.smk"
include: "rules/summarise.smk"
include: "rules/check.smk"
include: "rules/export.smk"


rule data:
    """Fetch and prepare the data sets: the only step that may need a network."""
    input:
        collect(
            "<data>/{dataset}/prepared.safetensors",
            dataset=sorted(set().union(*map(datasets_of, EXPERIMENTS.values()))),
        ),
        [f"<data>/weights/{sha256}/fetched.json" for sha256 in FETCHED],
        ["<data>/inception/weights.json"] if any(map(uses_inception, EXPERIMENTS.values())) else [],


rule models:
    """Train or import the originals, and train the retrained models."""
    input:
        [
            paths_of_runs(name, "model.safetensors", methods=references_of(EXPERIMENTS[name]))
            for name in EXPERIMENTS
        ],


rule export:
    """Write each unlearned model in the format of its original, with a model card."""
    input:
        [exported_files(name) for name in EXPERIMENTS],


rule all:
    """Everything that config.yaml names: every run, tables, figures and manifests."""
    default_target: True
    input:
        [paths_of_runs(name, "model.safetensors", "metrics.json") for name in EXPERIMENTS],
        [files_of_experiment(name) for name in EXPERIMENTS],
