"""What connects a job with its machine: log, end, checkpoint, device, locks, SLURM, random seeds and provenance.

Start with `job.run`: every script calls it.
"""
