"""From metrics to tables, figures and the record of an experiment."""


rule aggregate:
    input:
        basis=basis("aggregate"),
        results=lambda wildcards: paths_of_runs(wildcards.experiment, "metrics.json"),
    output:
        table="<results>/{experiment}/metrics.csv",
    log:
        "<results>/{experiment}/logs/aggregate.log",
    conda:
        ENVIRONMENT
    params:
        metrics=setting("evaluation", "metrics"),
        methods=setting("methods"),
        seeds=setting("seeds"),
        dataset=setting("dataset"),
        selection=setting("forget_set"),
        failed=lambda wildcards: failed_runs(wildcards.experiment),
        code=code("aggregate"),
    script:
        "../scripts/aggregate.py"


rule write_table:
    input:
        basis=basis("write_table"),
        metrics="<results>/{experiment}/metrics.csv",
        accuracy=accuracy_files,
        forget_set="<results>/{experiment}/forget_set.json",
        published_numbers=published_numbers,
        quantities=quantities_of_verdicts(),
    output:
        markdown="<results>/{experiment}/{table}.md",
        csv="<results>/{experiment}/{table}.csv",
        latex="<results>/{experiment}/{table}.tex",
        html=report(
            "<results>/{experiment}/{table}.html",
            caption="../report/caption.rst",
            category="{experiment}",
            labels={"result": "{table}"},
        ),
        caption_file="<results>/{experiment}/{table}.rst",
    log:
        "<results>/{experiment}/logs/write_table/{table}.log",
    wildcard_constraints:
        table="table|comparisons|verdicts",
    conda:
        ENVIRONMENT
    params:
        configuration=setting(),
        code=code("write_table"),
        captions=caption_hash,
    script:
        "../scripts/write_table.py"


rule draw_figure:
    input:
        basis=basis("draw_figure"),
        # It names the hash of every metrics.json, which names those of the run's other files: they
        # need not be listed here again for each figure.
        table="<results>/{experiment}/metrics.csv",
        accuracy=accuracy_files,
        forget_set="<results>/{experiment}/forget_set.json",
        verdicts=branch(
            lambda wildcards: needs_published(wildcards.figure),
            then="<results>/{experiment}/verdicts.csv",
        ),
    output:
        pdf="<results>/{experiment}/figures/{figure}.pdf",
        svg=report(
            "<results>/{experiment}/figures/{figure}.svg",
            caption="../report/caption.rst",
            category="{experiment}",
            labels={"result": "{figure}"},
        ),
        caption="<results>/{experiment}/figures/{figure}.rst",
    log:
        "<results>/{experiment}/logs/draw_figure/{figure}.log",
    conda:
        ENVIRONMENT
    params:
        configuration=setting(),
        code=code("draw_figure"),
        captions=caption_hash,
    script:
        "../scripts/draw_figure.py"


rule write_explorer:
    input:
        basis=basis("write_explorer"),
        table="<results>/{experiment}/metrics.csv",  # names the hashes of all other results, as for figures
        accuracy=accuracy_files,
        forget_set="<results>/{experiment}/forget_set.json",
    output:
        html=report(
            "<results>/{experiment}/explorer.html",
            caption="../report/explorer.rst",
            category="{experiment}",
            labels={"result": "explorer"},
        ),
    log:
        "<results>/{experiment}/logs/write_explorer.log",
    conda:
        ENVIRONMENT
    params:
        configuration=setting(),
        code=code("write_explorer"),
        template=lambda _: hash_of_texts(Path(workflow.basedir) / "report" / "explorer.html.j2"),
    script:
        "../scripts/write_explorer.py"


rule write_manifest:
    input:
        basis=basis("write_manifest"),
        table="<results>/{experiment}/metrics.csv",
        dataset=data_file("manifest.json"),
        forget_set="<results>/{experiment}/forget_set.json",
        accuracy=accuracy_files,
    output:
        manifest="<results>/{experiment}/manifest.json",
    log:
        "<results>/{experiment}/logs/write_manifest.log",
    conda:
        ENVIRONMENT
    params:
        configuration=setting(),
        code=code("write_manifest"),
    script:
        "../scripts/write_manifest.py"
