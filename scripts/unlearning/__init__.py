"""Machine unlearning in generative models: methods, training, evaluation. Knows nothing of Snakemake."""
