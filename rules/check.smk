"""Comparison with published numbers."""


localrules:
    check,


rule compare_with_published:
    input:
        table="<results>/{experiment}/metrics.csv",
        accuracy=accuracy_files,
        forget_set="<results>/{experiment}/forget_set.json",
        published=published_table,
    output:
        markdown="<results>/{experiment}/verdicts.md",
        csv="<results>/{experiment}/verdicts.csv",
        latex="<results>/{experiment}/verdicts.tex",
        html=report(
            "<results>/{experiment}/verdicts.html",
            caption="../report/caption.rst",
            category="{experiment}",
            labels={"result": "verdicts on published numbers"},
        ),
        caption_file="<results>/{experiment}/verdicts.rst",
    log:
        "<results>/{experiment}/compare_with_published.log",
    benchmark:
        "<results>/{experiment}/compare_with_published.benchmark.tsv"
    conda:
        ENVIRONMENT
    params:
        configuration=setting(),
        code=code("compare_with_published.py", "metrics"),
    script:
        "../scripts/compare_with_published.py"


rule check:
    """Print, for every published number, ours and a verdict with its reason."""
    input:
        [
            f"<results>/{name}/verdicts.md"
            for name in EXPERIMENTS
            if "published" in EXPERIMENTS[name]
        ],
    log:
        "<results>/check.log",
    benchmark:
        "<results>/check.benchmark.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/check.py"
