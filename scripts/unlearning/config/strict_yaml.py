"""Reading YAML files that may be mistaken or hostile."""

import re
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node

from unlearning.io.files import ROOT

MOST_VALUES = 100_000  # in one file
# Without quotes, YAML 1.1 takes `yes` for a boolean, 010 for 8 and 12:30 for 750; YAML 1.2 takes 010 for 10. Both take
# +7 for 7 and -0 for 0, which may be the names of other classes.
AMBIGUOUS = re.compile(
    r"(?i)yes|no|on|off|[-+]?0([\d_]+|x[\da-f_]+|o[0-7_]+|b[01_]+)|[-+]?\d[\d_]*_[\d_.]*|[-+]?\d+(:[0-5]?\d)+(\.\d*)?"
    r"|\+\d+|-0"
)


class ConfigError(ValueError):
    """The configuration cannot be run; the message says where, what and how to mend it."""


def read_yaml(name: str, root: Path = ROOT) -> dict:
    """Read a file that holds one YAML mapping, in YAML 1.2.

    Args:
        name: of the file, relative to `root`.
        root: folder of the repository.

    Returns:
        The mapping.

    Raises:
        ConfigError: the file does not parse, repeats a key, has a value that versions of YAML read differently, is
            not a mapping, or would not fit in memory once its aliases are written out.
    """
    reader = YAML(typ="safe", pure=True)
    try:
        node = reader.compose((root / name).read_bytes())
        values = _count_values(node, {}) if node else 0
        content = reader.constructor.construct_document(node) if node else None
    except MarkedYAMLError as error:
        mark, problem = error.problem_mark, error.problem
        if isinstance(error, DuplicateKeyError):
            problem = problem.partition(" with value")[0] + "; rename or remove one"
        place = f"{name}, line {mark.line + 1}, column {mark.column + 1}"
        raise ConfigError(f"{place}: not valid YAML: {problem}") from None
    except RecursionError:
        raise ConfigError(f"{name}: nested too deeply") from None
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}") from None
    except (YAMLError, ValueError, TypeError, LookupError) as error:  # such as the 31st of February, or `!!bool x`
        raise ConfigError(f"{name}: not valid YAML: {error}") from None
    if values > MOST_VALUES:
        raise ConfigError(f"{name}: holds {values:.3g} values once its aliases are written out; at most {MOST_VALUES}")
    if not isinstance(content, dict):
        raise ConfigError(f"{name}: must be a mapping of keys to values, but holds {content!r}")
    return content


def _count_values(node: Node, counts: dict[Node, int | None]) -> int:
    """Count the values in a node as if every alias were written out: a few lines can hold billions.

    Args:
        node: a part of the file.
        counts: of the nodes that are counted; None of a node that is being counted.

    Returns:
        The number.

    Raises:
        MarkedYAMLError: a value is ambiguous, a key is not a single value, or an alias contains itself.
    """
    if node in counts:
        if counts[node] is None:
            raise MarkedYAMLError(problem="an alias that contains itself", problem_mark=node.start_mark)
        return counts[node]
    counts[node] = None
    parts = []
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, CollectionNode):
                raise MarkedYAMLError(problem="a key must be a single value", problem_mark=key.start_mark)
            parts += [key, value]
    elif isinstance(node, CollectionNode):
        parts = node.value
    elif not node.style and AMBIGUOUS.fullmatch(node.value):
        raise MarkedYAMLError(
            problem=f"{node.value} means different things to versions of YAML; write it in quotes, '{node.value}', or "
            "as a plain number, or as true or false",
            problem_mark=node.start_mark,
        )
    counts[node] = 1 + sum(_count_values(part, counts) for part in parts)
    return counts[node]
