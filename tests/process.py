"""Python processes that can import the library."""

import os
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def python(code, *arguments, **options):
    """Start a process; its standard output is a pipe."""
    options["env"] = {**os.environ, "PYTHONPATH": str(SCRIPTS), **options.get("env", {})}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], stdout=subprocess.PIPE, **options)
