"""What connects a job with its machine: log, end, checkpoint, device, locks, SLURM, random seeds,
provenance, and the hash of the code that decides what runs again.

Start with `job.run`: every script calls it.
"""
