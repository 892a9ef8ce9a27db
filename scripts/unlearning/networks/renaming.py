"""From the names of tensors in a user's file to the names in a network."""

import re
from collections.abc import Collection
from difflib import get_close_matches


def renamed(names: list[str], weights: dict, place: str) -> dict[str, str]:
    """Rename tensors as the configuration says.

    A name that begins with a text of `leave_out` is dropped. Of the others, the longest prefix that fits is replaced.
    A name without such a prefix is renamed by the first pattern that fits the whole name, or else is kept.

    Args:
        names: of the tensors in the file.
        weights: the entry of the configuration for this file; the keys `leave_out` and `rename`.
        place: the file and the key that the entry stands under, for messages.

    Returns:
        The name in the network for each name in the file that is not left out.

    Raises:
        ValueError: a text, prefix or pattern fits no name, or two tensors get the same name.
    """
    left_out, rename = weights.get("leave_out", []), weights.get("rename", {})
    prefixes, patterns = rename.get("prefixes", {}), rename.get("patterns", {})
    kept = [name for name in names if not name.startswith(tuple(left_out))]
    _check_use(left_out, [name.startswith for name in names], names, f"{place}.leave_out")
    _check_use(prefixes, [name.startswith for name in kept], kept, f"{place}.rename.prefixes")
    others = [name for name in kept if not name.startswith(tuple(prefixes))]
    of_names = [lambda pattern, name=name: re.fullmatch(pattern, name) for name in others]
    _check_use(patterns, of_names, others, f"{place}.rename.patterns")
    result = {name: _rename(name, prefixes, patterns) for name in kept}
    for name, target in result.items():
        if twins := [other for other in result if other != name and result[other] == target]:
            raise ValueError(
                f"{place}.rename: {name!r} and {twins[0]!r} would both become {target!r}; rename or leave out one"
            )
    return result


def _rename(name: str, prefixes: dict[str, str], patterns: dict[str, str]) -> str:
    if fitting := [prefix for prefix in prefixes if name.startswith(prefix)]:
        longest = max(fitting, key=len)
        return prefixes[longest] + name[len(longest) :]
    for pattern, replacement in patterns.items():
        if match := re.fullmatch(pattern, name):
            return match.expand(replacement)
    return name


def _check_use(texts: Collection[str], fits: list, names: list[str], place: str) -> None:
    """Require that each text fits a name: one that fits none has been misspelt."""
    for text in texts:
        if not any(fit(text) for fit in fits):
            raise ValueError(f"{place}: {text!r} fits no tensor of the file; its tensors are {', '.join(names)[:500]}")


def nearest_names(name: str, known: Collection[str]) -> str:
    """The end of a line: "; nearest: 'mean.bias'", or nothing where no known name is near."""
    close = get_close_matches(name, known, n=2)
    return f"; nearest: {', '.join(map(repr, close))}" if close else ""
