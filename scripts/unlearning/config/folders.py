"""Whether the folders that `config.yaml` names can be used."""

import os
import re
from pathlib import Path

from unlearning.io.files import broken_link

REPOSITORY = {".ci", ".git", ".github", ".snakemake", ".venv", "configs", "envs", "profiles", "published", "report"}
REPOSITORY |= {"rules", "schemas", "scripts", "tests"}


def check_folders(settings: dict, root: Path) -> list[str]:
    """Problems of the folders: results and data need folders of their own, so that nothing else is overwritten.

    Args:
        settings: `config.yaml`, valid by its schema.
        root: folder of the repository.

    Returns:
        One line for each problem.
    """
    problems = []
    folders = {key: Path(os.path.realpath(settings[key])) for key in ("results", "data")}
    for key, folder in folders.items():
        if link := broken_link(Path(settings[key])):
            problems.append(f"{key} = {settings[key]!r}: {link}")
        elif forbidden := sorted(set(re.findall(r"[^\w./ +@=,:-]", settings[key]))):
            problems.append(f"{key} = {settings[key]!r}: must not contain {' '.join(map(repr, forbidden))}")
        elif root.is_relative_to(folder):
            problems.append(f"{key} = {settings[key]!r}: is or contains the repository; name a folder of its own")
        elif folder.is_relative_to(root) and folder.relative_to(root).parts[0] in REPOSITORY:
            problems.append(f"{key} = {settings[key]!r}: belongs to the repository itself; name a folder of its own")
    if not problems and folders["results"] == folders["data"]:
        problems.append(f"data = {settings['data']!r}: must not be the same folder as results")
    return problems


def check_source(settings: dict, datasets: set[str]) -> list[str]:
    """Problems of the folder with original files, which must be there until all data sets are fetched.

    Args:
        settings: `config.yaml`, valid by its schema.
        datasets: names of the data sets that the experiments need.

    Returns:
        One line for each problem.
    """
    source = settings["data_source"]
    if source is None or "://" in source or Path(source).is_dir():
        return []
    missing = sorted(name for name in datasets if not (Path(settings["data"]) / name / "fetched.json").is_file())
    if not missing:
        return []
    reason = broken_link(Path(source)) or "no such folder; it must hold {dataset}/{file}, or be a URL"
    return [f"data_source = {source!r}: {reason}. Not fetched yet: {', '.join(missing)}"]
