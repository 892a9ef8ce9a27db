"""Comparison with published numbers."""

COMPARED_WITH_PAPERS = [name for name in EXPERIMENTS if "published" in EXPERIMENTS[name]]


localrules:
    check,


rule check:
    """Print, for every published number, ours and a verdict with its reason."""
    input:
        tables=expand("<results>/{name}/verdicts.md", name=COMPARED_WITH_PAPERS),
        values=expand("<results>/{name}/verdicts.csv", name=COMPARED_WITH_PAPERS),
    log:
        "<results>/logs/check.log",
    conda:
        ENVIRONMENT
    params:
        root=workflow.basedir,
        configured=list(EXPERIMENTS),
    script:
        "../scripts/check.py"
