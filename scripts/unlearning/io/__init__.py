"""Files: writing them whole or not at all, tensors, checksums, downloads and published weights.

Start with `files.atomic_path` and `tensors.read_tensors`.
"""
