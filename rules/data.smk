"""From original files to prepared images and the forget set."""


# The only step that may need a network, which compute nodes may not have.
localrules:
    fetch_dataset,
    fetch_weights,
    fetch_given,


rule fetch_dataset:
    input:
        basis=basis("fetch_dataset"),
    output:
        fetched="<data>/{dataset}/fetched.json",
    log:
        "<data>/{dataset}/logs/fetch_dataset.log",
    conda:
        ENVIRONMENT
    params:
        looked_up=lambda wildcards: state_of_source(wildcards.dataset),
        code=code("fetch_dataset"),
    script:
        "../scripts/fetch_dataset.py"


rule fetch_weights:
    input:
        basis=basis("fetch_weights"),
    output:
        fetched="<data>/inception/weights.json",
    log:
        "<data>/inception/logs/fetch_weights.log",
    conda:
        ENVIRONMENT
    params:
        code=code("fetch_weights"),
    script:
        "../scripts/fetch_weights.py"


rule fetch_given:
    input:
        basis=basis("fetch_given"),
    output:
        fetched="<data>/weights/{sha256}/fetched.json",
    log:
        "<data>/weights/{sha256}/logs/fetch_given.log",
    wildcard_constraints:
        sha256="[0-9a-f]+",
    conda:
        ENVIRONMENT
    params:
        entry=lambda wildcards: FETCHED[wildcards.sha256],
        code=code("fetch_given"),
    script:
        "../scripts/fetch_given.py"


rule prepare_dataset:
    input:
        basis=basis("prepare_dataset"),
        fetched="<data>/{dataset}/fetched.json",
    output:
        prepared="<data>/{dataset}/prepared.safetensors",
        manifest="<data>/{dataset}/manifest.json",
    log:
        "<data>/{dataset}/logs/prepare_dataset.log",
    conda:
        ENVIRONMENT
    threads: decoders
    resources:
        mem_mb=memory,
        runtime=runtime("prepare_dataset"),
        # For SLURM, where threads end at the one core that profiles/slurm gives each entry.
        cpus_per_task=decoders,
    params:
        code=code("prepare_dataset"),
    script:
        "../scripts/prepare_dataset.py"


rule encode_images:
    input:
        basis=basis("encode_images"),
        dataset=data_file("prepared.safetensors"),
    output:
        latents="<results>/{experiment}/latents.safetensors",
    log:
        "<results>/{experiment}/logs/encode_images.log",
    wildcard_constraints:
        experiment=only(ON_LATENTS),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpu,
        mem_mb=memory,
        runtime=runtime("encode_images"),
    params:
        autoencoder=lambda wildcards: next(iter(autoencoder(wildcards).values())),
        key=lambda wildcards: next(iter(autoencoder(wildcards))),
        device=setting("device"),
        code=code("encode_images"),
    script:
        "../scripts/encode_images.py"


rule select_forget_set:
    input:
        basis=basis("select_forget_set"),
        dataset=data_file("prepared.safetensors"),
    output:
        forget_set="<results>/{experiment}/forget_set.json",
    log:
        "<results>/{experiment}/logs/select_forget_set.log",
    conda:
        ENVIRONMENT
    params:
        selection=setting("forget_set"),
        checked_with=setting(),
        code=code("select_forget_set"),
    script:
        "../scripts/select_forget_set.py"
