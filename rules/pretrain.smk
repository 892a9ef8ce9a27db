"""Training from scratch: the judge, the original models and the retrained ones."""


rule train_judge:
    input:
        dataset=prepared_dataset,
    output:
        judge="<results>/{experiment}/judge/model.safetensors",
        accuracy="<results>/{experiment}/judge/accuracy.json",
        losses="<results>/{experiment}/judge/losses.csv",
    log:
        "<results>/{experiment}/judge/train_judge.log",
    benchmark:
        "<results>/{experiment}/judge/train_judge.benchmark.tsv"
    conda:
        ENVIRONMENT
    resources:
        gpu=gpu,
        mem_mb=memory,
        runtime=runtime("train_judge"),
    params:
        settings=setting("judge"),
        device=setting("device"),
        code=code("train_judge.py"),
    script:
        "../scripts/train_judge.py"


rule train:
    input:
        dataset=prepared_dataset,
        # Not for the original, which must not be trained again for another forget set.
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
        "<results>/{experiment}/seed{seed}/{method}/train.log",
    benchmark:
        "<results>/{experiment}/seed{seed}/{method}/train.benchmark.tsv"
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
        code=code("train.py", "models"),
    script:
        "../scripts/train.py"
