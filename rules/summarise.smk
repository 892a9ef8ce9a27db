"""From metrics to tables, figures and the record of an experiment."""


rule aggregate:
    input:
        results=collect(
            "<results>/{{experiment}}/seed{seed}/{method}/metrics.json",
            method=compared_methods,
            seed=lookup(dpath="{experiment}/seeds", within=EXPERIMENTS),
        ),
    output:
        table="<results>/{experiment}/metrics.csv",
    log:
        "<results>/{experiment}/aggregate.log",
    benchmark:
        "<results>/{experiment}/aggregate.benchmark.tsv"
    conda:
        ENVIRONMENT
    params:
        metrics=lookup(dpath="{experiment}/evaluation/metrics", within=EXPERIMENTS),
        dataset=lookup(dpath="{experiment}/dataset", within=EXPERIMENTS),
        code=code("aggregate.py", "metrics"),
    script:
        "../scripts/aggregate.py"
