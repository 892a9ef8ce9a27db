"""Training from scratch: the classifiers, the original models and the retrained ones."""


rule train_classifier:
    input:
        basis=basis("train_classifier"),
        dataset=data_file("prepared.safetensors"),
    output:
        model="<results>/{experiment}/{classifier}/model.safetensors",
        accuracy="<results>/{experiment}/{classifier}/accuracy.json",
        losses="<results>/{experiment}/{classifier}/losses.csv",
    log:
        "<results>/{experiment}/logs/train_classifier/{classifier}.log",
    wildcard_constraints:
        classifier="judge|guide",
    conda:
        ENVIRONMENT
    resources:
        gpu=gpu,
        mem_mb=memory,
        runtime=runtime("train_classifier"),
    params:
        settings=lambda wildcards: setting(wildcards.classifier)(wildcards),
        attribute=attribute,
        device=setting("device"),
        code=code("train_classifier"),
    script:
        "../scripts/train_classifier.py"


rule train:
    input:
        basis=basis("train"),
        dataset=data_file("prepared.safetensors"),
        # Not for the original, which must not be trained again for another forget set. Nor as `ancient`, to
        # wait for the selection: Snakemake (9.27) would miss what else changed along with the forget set.
        forget_set=branch(
            lambda wildcards: wildcards.method == "retrain",
            then="<results>/{experiment}/forget_set.json",
        ),
    output:
        model="<results>/{experiment}/seed{seed}/{method}/model.safetensors",
        optimizer="<results>/{experiment}/seed{seed}/{method}/optimizer.safetensors",
        losses="<results>/{experiment}/seed{seed}/{method}/losses.csv",
        record="<results>/{experiment}/seed{seed}/{method}/record.json",
    log:
        "<results>/{experiment}/logs/train/seed{seed}/{method}.log",
    wildcard_constraints:
        method="|".join(REFERENCES),
    conda:
        ENVIRONMENT
    resources:
        gpu=gpu,
        mem_mb=memory,
        runtime=runtime("train"),
    params:
        architecture=setting("model"),
        training=setting("training"),
        device=setting("device"),
        code=code("train"),
    script:
        "../scripts/train.py"
