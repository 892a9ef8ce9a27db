"""One evaluation per method, reference and seed, all against the same reference."""


rule build_reference:
    input:
        dataset=prepared_dataset,
        forget_set="<results>/{experiment}/forget_set.json",
        judge="<results>/{experiment}/judge/model.safetensors",
        retrained=collect(
            "<results>/{{experiment}}/seed{seed}/retrain/model.safetensors",
            seed=lookup(dpath="{experiment}/seeds", within=EXPERIMENTS),
        ),
    output:
        reference="<results>/{experiment}/reference.safetensors",
    log:
        "<results>/{experiment}/build_reference.log",
    benchmark:
        "<results>/{experiment}/build_reference.benchmark.tsv"
    conda:
        ENVIRONMENT
    params:
        seeds=lookup(dpath="{experiment}/seeds", within=EXPERIMENTS),
        samples=lookup(dpath="{experiment}/evaluation/samples", within=EXPERIMENTS),
        device=lookup(dpath="{experiment}/device", within=EXPERIMENTS),
        code=code("build_reference.py", "models"),
    script:
        "../scripts/build_reference.py"


rule evaluate:
    input:
        dataset=prepared_dataset,
        forget_set="<results>/{experiment}/forget_set.json",
        judge="<results>/{experiment}/judge/model.safetensors",
        reference="<results>/{experiment}/reference.safetensors",
        model="<results>/{experiment}/seed{seed}/{method}/model.safetensors",
        record="<results>/{experiment}/seed{seed}/{method}/record.json",
        # References take no unlearning steps.
        steps=branch(
            lambda wildcards: wildcards.method not in REFERENCES,
            then="<results>/{experiment}/seed{seed}/{method}/steps.csv",
        ),
        measurements=branch(
            lambda wildcards: wildcards.method not in REFERENCES,
            then="<results>/{experiment}/seed{seed}/{method}/measurements.csv",
        ),
    output:
        metrics="<results>/{experiment}/seed{seed}/{method}/metrics.json",
        samples="<results>/{experiment}/seed{seed}/{method}/samples.npz",
    log:
        "<results>/{experiment}/seed{seed}/{method}/evaluate.log",
    benchmark:
        "<results>/{experiment}/seed{seed}/{method}/evaluate.benchmark.tsv"
    conda:
        ENVIRONMENT
    params:
        settings=lookup(dpath="{experiment}/evaluation", within=EXPERIMENTS),
        compare_with=seed_to_compare_with,
        device=lookup(dpath="{experiment}/device", within=EXPERIMENTS),
        code=code("evaluate.py", "models", "metrics"),
    script:
        "../scripts/evaluate.py"
