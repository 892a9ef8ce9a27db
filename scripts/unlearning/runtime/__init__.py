"""What a job needs of the machine that it runs on: log, end, checkpoint, device, locks, SLURM and provenance.

Start with `job.run`, which every script ends with.
"""
