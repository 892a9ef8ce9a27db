"""Captions, written as plain text with **stress**, as files for the report."""

import re
from pathlib import Path

from unlearning.io.files import atomic_path


def write_caption(path: Path, text: str) -> None:
    """Write a caption as reStructuredText, in which only its stress is markup."""
    escaped = re.sub(r"[\\`|_]|(?<!\*)\*(?!\*)", r"\\\g<0>", text)
    with atomic_path(path) as temporary:
        temporary.write_text(escaped + "\n")
