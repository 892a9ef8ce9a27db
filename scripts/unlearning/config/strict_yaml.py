"""Reading YAML files that may be mistaken or hostile."""

import re
from pathlib import Path

import yaml

from unlearning.io.files import ROOT

MOST_VALUES = 100_000  # in one file


class ConfigError(ValueError):
    """The configuration cannot be run; the message says where, what and how to mend it."""


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses a repeated key and reads 1e-3 as a number, as YAML 1.2 does."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen and key_node.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} occurs twice; rename or remove one", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_yaml(name: str, root: Path = ROOT) -> dict:
    """Read one YAML mapping.

    Args:
        name: of the file, relative to the root of the repository.

    Raises:
        ConfigError: the file does not parse, repeats a key, is not a mapping, or would not fit in memory
            once its aliases are written out.
    """
    try:
        loader = _StrictLoader((root / name).read_bytes())
        node = loader.get_single_node()
        values = _expanded_size(node, {}) if node else 0
        content = loader.construct_document(node) if node else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{name}{where}: not valid YAML: {getattr(error, 'problem', None) or error}") from None
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply") from None
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from None
    except (
        ValueError,
        TypeError,
        OverflowError,
    ) as error:  # such as the 31st of February, or a list as key
        raise ConfigError(f"{name}: not valid YAML: {error}") from None
    if values > MOST_VALUES:
        raise ConfigError(f"{name}: holds {values:.3g} values once its aliases are written out; at most {MOST_VALUES}")
    if not isinstance(content, dict):
        raise ConfigError(f"{name}: must be a mapping of keys to values, but holds {content!r}")
    return content


def _expanded_size(node: yaml.Node, sizes: dict[int, int | None]) -> int:
    """How many values a YAML node holds once every alias is written out; a few lines can hold billions."""
    if id(node) in sizes:
        if sizes[id(node)] is None:
            raise yaml.constructor.ConstructorError(None, None, "an alias that contains itself", node.start_mark)
        return sizes[id(node)]
    sizes[id(node)] = None
    parts = node.value if isinstance(node, yaml.CollectionNode) else []
    if isinstance(node, yaml.MappingNode):
        parts = [part for pair in parts for part in pair]
    sizes[id(node)] = 1 + sum(_expanded_size(part, sizes) for part in parts)
    return sizes[id(node)]
