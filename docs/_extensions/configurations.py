"""The experiments of `configs/`, as their files have them."""

import re
from functools import cache

from unlearning.config.strict_yaml import read_yaml
from unlearning.io.files import ROOT

CONFIGS = ROOT / "configs"


@cache
def configured() -> dict[str, dict]:
    """Every configuration by name, unchecked: data sets in folders of classes need not be there."""
    return {path.stem: read_yaml(f"configs/{path.name}") for path in sorted(CONFIGS.glob("*.yaml"))}


def heading(name: str) -> list[str]:
    """The paragraphs of the comment at the top of a configuration."""
    text = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8")
    comment = re.match(r"(?:#.*\n)+", text)
    lines = [line.removeprefix("#").strip() for line in comment[0].splitlines()] if comment else []
    return [paragraph.replace("\n", " ") for paragraph in "\n".join(lines).split("\n\n")]
