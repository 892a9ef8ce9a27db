"""Comparison with published numbers."""


localrules:
    check,


rule check:
    """Print, for every published number, ours and a verdict with its reason."""
    input:
        [
            f"<results>/{name}/verdicts.md"
            for name in EXPERIMENTS
            if "published" in EXPERIMENTS[name]
        ],
    log:
        "<results>/logs/check.log",
    conda:
        ENVIRONMENT
    script:
        "../scripts/check.py"
