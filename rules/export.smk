"""Unlearned models for use elsewhere."""


rule export_model:
    input:
        basis=basis("export_model"),
        model="<results>/{experiment}/seed{seed}/{method}/model.safetensors",
        record="<results>/{experiment}/seed{seed}/{method}/record.json",
        original="<results>/{experiment}/seed{seed}/original/model.safetensors",
        source=source_of_original,
        table="<results>/{experiment}/metrics.csv",
        accuracy=accuracy_files,
        forget_set="<results>/{experiment}/forget_set.json",
        dataset=data_file("manifest.json"),
    output:
        weights="<results>/{experiment}/export/seed{seed}/{method}.{suffix}",
        card="<results>/{experiment}/export/seed{seed}/{method}.{suffix}.md",
    log:
        "<results>/{experiment}/logs/export_model/seed{seed}/{method}.{suffix}.log",
    wildcard_constraints:
        suffix="[A-Za-z0-9]+",
    conda:
        ENVIRONMENT
    params:
        configuration=setting(),
        entry=entry_of_original,
        code=code("export_model"),
        template=model_card_hash,
    script:
        "../scripts/export_model.py"
