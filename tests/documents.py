"""The worked examples of the documentation, taken from its pages and followed as a reader follows them."""

import os
import re
import subprocess
from dataclasses import dataclass

from .clone import ROOT

_BLOCK = re.compile(r"^```(?:\{code-block\} )?(\w+)\n(?::caption: (\S+)\n)?\n*(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code on a page.

    Attributes:
        language: of the block, such as `sh`.
        file: the path that the reader writes the code to, from the folder of the clone; None for commands.
        code: the code, ending with a newline.
    """

    language: str
    file: str | None
    code: str


def blocks_of(page):
    """The blocks of code on the page `docs/{page}.md`, in their order."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    blocks = [Block(language, file or None, code) for language, file, code in _BLOCK.findall(text)]
    assert len(blocks) == len(re.findall(r"^ *```(?:\w|\{code-block\})", text, re.MULTILINE)), f"odd block in {page}"
    return blocks


def file_of(page, path):
    """The code that a page tells the reader to write to a path."""
    (code,) = [block.code for block in blocks_of(page) if block.file == path]
    return code


def follow(page, clone):
    """Write each file and run each command of a page, in their order, in a clone with packages.

    Yields:
        After each command, what it printed.
    """
    environment = {"PATH": os.environ["PATH"], "HOME": str(clone.path.parent), "OMP_NUM_THREADS": "1"}
    for block in blocks_of(page):
        if block.file:
            path = clone.path / block.file
            assert not path.exists(), f"{path}: would be overwritten"
            path.write_text(block.code, encoding="utf-8")
            continue
        assert block.language == "sh", block
        command = ["bash", "-e", "-c", block.code]
        done = subprocess.run(command, cwd=clone.path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, block.code + done.stdout + done.stderr
        yield done.stdout
