"""One unlearning run per method and seed."""


rule unlearn:
    input:
        basis=basis("unlearn"),
        dataset=images_to_learn,
        forget_set="<results>/{experiment}/forget_set.json",
        judge="<results>/{experiment}/judge/model.safetensors",
        guide=branch(has_guide, then="<results>/{experiment}/guide/model.safetensors"),
        original="<results>/{experiment}/seed{seed}/original/model.safetensors",
        moments=branch(
            lambda wildcards: settings_of_run(wildcards)["optimizer"] == "adam_warm",
            then="<results>/{experiment}/seed{seed}/original/optimizer.safetensors",
        ),
        proxy=proxy_dataset,
    output:
        model="<results>/{experiment}/seed{seed}/{method}/model.safetensors",
        steps="<results>/{experiment}/seed{seed}/{method}/steps.csv",
        measurements="<results>/{experiment}/seed{seed}/{method}/measurements.csv",
        transformation="<results>/{experiment}/seed{seed}/{method}/transformation.npz",
        record="<results>/{experiment}/seed{seed}/{method}/record.json",
    log:
        "<results>/{experiment}/logs/unlearn/seed{seed}/{method}.log",
    wildcard_constraints:
        method=f"(?!({'|'.join(REFERENCES)})/)[a-z][a-z0-9_]*",
    conda:
        ENVIRONMENT
    resources:
        gpu=gpu,
        mem_mb=memory,
        runtime=runtime("unlearn"),
    params:
        settings=settings_of_run,
        has_guide=has_guide,
        device=setting("device"),
        # Titles and groups of methods are words for tables.
        code=code("unlearn"),
    script:
        "../scripts/unlearn.py"
