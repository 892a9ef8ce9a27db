"""One evaluation per method, reference and seed, all against the same reference."""


rule build_reference:
    input:
        basis=basis("build_reference"),
        dataset=data_file("prepared.safetensors"),
        forget_set="<results>/{experiment}/forget_set.json",
        judge="<results>/{experiment}/judge/model.safetensors",
        guide=branch(has_guide, then="<results>/{experiment}/guide/model.safetensors"),
        weights=branch(wants_inception, then="<data>/inception/weights.json"),
        retrained=collect(
            "<results>/{{experiment}}/seed{seed}/retrain/model.safetensors",
            seed=setting("seeds"),
        ),
        original=originals,
    output:
        reference="<results>/{experiment}/reference.safetensors",
    log:
        "<results>/{experiment}/logs/build_reference.log",
    wildcard_constraints:
        experiment=any_but(WITHOUT_RETRAINED),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpu,
        mem_mb=memory,
        runtime=runtime("build_reference"),
    params:
        seeds=setting("seeds"),
        seeds_of_originals=lambda wildcards: [
            int(Path(path).parts[-3].removeprefix("seed")) for path in originals(wildcards)
        ],
        samples=setting("evaluation", "samples"),
        label_samples=lambda wildcards: setting("evaluation")(wildcards).get("label_samples"),
        running_statistics=lambda wildcards: running_statistics(setting("evaluation")(wildcards)),
        elbo=elbo_settings,
        has_guide=has_guide,
        has_inception=wants_inception,
        device=setting("device"),
        code=code("build_reference"),
    script:
        "../scripts/build_reference.py"


rule build_reference_alone:
    input:
        basis=basis("build_reference_alone"),
        dataset=data_file("prepared.safetensors"),
        forget_set="<results>/{experiment}/forget_set.json",
        judge="<results>/{experiment}/judge/model.safetensors",
        guide=branch(has_guide, then="<results>/{experiment}/guide/model.safetensors"),
        weights=branch(wants_inception, then="<data>/inception/weights.json"),
    output:
        reference="<results>/{experiment}/reference.safetensors",
    log:
        "<results>/{experiment}/logs/build_reference_alone.log",
    wildcard_constraints:
        experiment=only(WITHOUT_RETRAINED),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpu,
        mem_mb=memory,
        runtime=runtime("build_reference"),
    params:
        samples=setting("evaluation", "samples"),
        elbo=elbo_settings,
        completing=lambda wildcards: completes(*setting("model")(wildcards)),
        device=setting("device"),
        code=code("build_reference_alone"),
    script:
        "../scripts/build_reference_alone.py"


rule evaluate:
    input:
        basis=basis("evaluate"),
        dataset=data_file("prepared.safetensors"),
        forget_set="<results>/{experiment}/forget_set.json",
        judge="<results>/{experiment}/judge/model.safetensors",
        guide=branch(has_guide, then="<results>/{experiment}/guide/model.safetensors"),
        weights=branch(wants_inception, then="<data>/inception/weights.json"),
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
        transformation=branch(
            lambda wildcards: wildcards.method not in REFERENCES,
            then="<results>/{experiment}/seed{seed}/{method}/transformation.npz",
        ),
    output:
        metrics="<results>/{experiment}/seed{seed}/{method}/metrics.json",
        samples="<results>/{experiment}/seed{seed}/{method}/samples.npz",
    log:
        "<results>/{experiment}/logs/evaluate/seed{seed}/{method}.log",
    wildcard_constraints:
        experiment=any_but(WITH_DENSITIES),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpu,
        mem_mb=memory,
        runtime=runtime("evaluate"),
    params:
        settings=setting("evaluation"),
        other_seed=lambda wildcards: other_seed(setting("seeds")(wildcards), int(wildcards.seed)),
        attribute=attribute,
        has_guide=has_guide,
        device=setting("device"),
        # What tables say of a metric is left out of the code below, but not the names of its values.
        values=lambda wildcards: [
            list(describe_metrics(metric))
            for metric in setting("evaluation", "metrics")(wildcards)
        ],
        code=code("evaluate"),
    script:
        "../scripts/evaluate.py"


rule evaluate_density:
    input:
        basis=basis("evaluate_density"),
        dataset=data_file("prepared.safetensors"),
        forget_set="<results>/{experiment}/forget_set.json",
        judge="<results>/{experiment}/judge/model.safetensors",
        guide=branch(has_guide, then="<results>/{experiment}/guide/model.safetensors"),
        weights=branch(wants_inception, then="<data>/inception/weights.json"),
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
        transformation=branch(
            lambda wildcards: wildcards.method not in REFERENCES,
            then="<results>/{experiment}/seed{seed}/{method}/transformation.npz",
        ),
    output:
        metrics="<results>/{experiment}/seed{seed}/{method}/metrics.json",
        samples="<results>/{experiment}/seed{seed}/{method}/samples.npz",
    log:
        "<results>/{experiment}/logs/evaluate_density/seed{seed}/{method}.log",
    wildcard_constraints:
        experiment=only(WITH_DENSITIES),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpu,
        mem_mb=memory,
        runtime=runtime("evaluate_density"),
    params:
        settings=setting("evaluation"),
        other_seed=lambda wildcards: other_seed(setting("seeds")(wildcards), int(wildcards.seed)),
        attribute=attribute,
        has_guide=has_guide,
        device=setting("device"),
        # What tables say of a metric is left out of the code below, but not the names of its values.
        values=lambda wildcards: [
            list(describe_metrics(metric))
            for metric in setting("evaluation", "metrics")(wildcards)
        ],
        code=code("evaluate_density"),
    script:
        "../scripts/evaluate_density.py"
