"""Format the main table of an experiment for the eye, for a spreadsheet and for a paper."""

from pathlib import Path
