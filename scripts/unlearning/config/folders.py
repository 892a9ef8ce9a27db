"""Whether the folders that `config.yaml` names can be used."""

import re
from pathlib import Path

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
    folders = {key: Path(settings[key]).resolve() for key in ("results", "data")}
    for key, folder in folders.items():
        if forbidden := sorted(set(re.findall(r"[^\w./ +@=,:-]", settings[key]))):
            problems.append(f"{key} = {settings[key]!r}: must not contain {' '.join(map(repr, forbidden))}")
        elif root.is_relative_to(folder):
            problems.append(f"{key} = {settings[key]!r}: is or contains the repository; name a folder of its own")
        elif folder.is_relative_to(root) and folder.relative_to(root).parts[0] in REPOSITORY:
            problems.append(f"{key} = {settings[key]!r}: belongs to the repository itself; name a folder of its own")
    source = settings["data_source"]
    if source is not None and "://" not in source and not Path(source).is_dir():
        problems.append(f"data_source = {source!r}: no such folder; it must hold {{dataset}}/{{file}}, or be a URL")
    if not problems and folders["results"] == folders["data"]:
        problems.append(f"data = {settings['data']!r}: must not be the same folder as results")
    return problems
