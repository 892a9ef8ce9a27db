"""The classifiers, the original models and the retrained ones: trained from scratch, or imported."""


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
        experiment=any_but(IMPORTED),
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
        dataset=images_to_learn,
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
        experiment=any_but(IMPORTED + IN_PROCESSES),
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


rule train_in_processes:
    input:
        basis=basis("train_in_processes"),
        dataset=images_to_learn,
        forget_set=branch(  # as for `train`
            lambda wildcards: wildcards.method == "retrain",
            then="<results>/{experiment}/forget_set.json",
        ),
    output:
        model="<results>/{experiment}/seed{seed}/{method}/model.safetensors",
        optimizer="<results>/{experiment}/seed{seed}/{method}/optimizer.safetensors",
        losses="<results>/{experiment}/seed{seed}/{method}/losses.csv",
        record="<results>/{experiment}/seed{seed}/{method}/record.json",
    log:
        "<results>/{experiment}/logs/train_in_processes/seed{seed}/{method}.log",
    wildcard_constraints:
        experiment=only(IN_PROCESSES),
        method="|".join(REFERENCES),
    conda:
        ENVIRONMENT
    threads: processes
    resources:
        gpu=lambda wildcards: processes(wildcards) * gpu(wildcards),
        nodes=1,
        # For SLURM, where threads end at the one core that profiles/slurm gives each entry.
        cpus_per_task=processes,
        mem_mb=lambda wildcards, attempt: processes(wildcards) * memory(wildcards, attempt),
        runtime=runtime("train"),
    params:
        architecture=setting("model"),
        training=setting("training"),
        device=setting("device"),
        code=code("train_in_processes"),
    script:
        "../scripts/train_in_processes.py"


rule import_classifier:
    input:
        basis=basis("import_classifier"),
        dataset=data_file("prepared.safetensors"),
        weights=lambda wildcards: [file_of_given(given) for given in given_of_classifier(wildcards)],
    output:
        model="<results>/{experiment}/{classifier}/model.safetensors",
        accuracy="<results>/{experiment}/{classifier}/accuracy.json",
    log:
        "<results>/{experiment}/logs/import_classifier/{classifier}.log",
    wildcard_constraints:
        experiment=only(IMPORTED),
        classifier="judge|guide",
    conda:
        ENVIRONMENT
    resources:
        gpu=gpu,
        mem_mb=memory,
        runtime=runtime("import_classifier"),
    params:
        settings=lambda wildcards: setting(wildcards.classifier)(wildcards),
        entries=lambda wildcards: [given.entry for given in given_of_classifier(wildcards)],
        attribute=attribute,
        device=setting("device"),
        code=code("import_classifier"),
    script:
        "../scripts/import_classifier.py"


rule import_original:
    input:
        basis=basis("import_original"),
        weights=lambda wildcards: file_of_given(given_original(wildcards)),
    output:
        model="<results>/{experiment}/seed{seed}/{method}/model.safetensors",
        record="<results>/{experiment}/seed{seed}/{method}/record.json",
    log:
        "<results>/{experiment}/logs/import_original/seed{seed}/{method}.log",
    wildcard_constraints:
        experiment=only(IMPORTED),
        method="original",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory,
        runtime=runtime("import_original"),
    params:
        architecture=setting("model"),
        image_shape=lambda wildcards: data_of(wildcards)["image_shape"],
        entry=lambda wildcards: given_original(wildcards).entry,
        code=code("import_original"),
    script:
        "../scripts/import_original.py"


rule import_moments:
    input:
        basis=basis("import_moments"),
        weights=lambda wildcards: file_of_given(given_original(wildcards)),
        moments=lambda wildcards: file_of_given(given_moments(wildcards)),
    output:
        optimizer="<results>/{experiment}/seed{seed}/{method}/optimizer.safetensors",
    log:
        "<results>/{experiment}/logs/import_moments/seed{seed}/{method}.log",
    wildcard_constraints:
        experiment=only(IMPORTED),
        method="original",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=memory,
        runtime=runtime("import_moments"),
    params:
        architecture=setting("model"),
        image_shape=lambda wildcards: data_of(wildcards)["image_shape"],
        entry=lambda wildcards: given_original(wildcards).entry,
        moments_entry=lambda wildcards: given_moments(wildcards).entry,
        code=code("import_moments"),
    script:
        "../scripts/import_moments.py"
