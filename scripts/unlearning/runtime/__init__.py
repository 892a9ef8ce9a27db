"""What connects a job with its machine.

Log, end, checkpoint, device, locks, SLURM, random seeds, provenance, and the hash of the code that runs.

Start with `job.run`: every script calls it.
"""
