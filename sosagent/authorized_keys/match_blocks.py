"""Match blocks of sshd_config: whether their conditions hold for a connection (servconf.c, match_cfg_line). No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ..keys.from_patterns import admits
from ..keys.host_patterns import matches_wildcards
from .config_lines import arguments
from .connections import Connection, criteria_of

__all__ = ["first_in_match"]

_PORT = 22


def first_in_match(
    config: Iterable[str], keyword: str, connection: Connection, user: str, groups: Sequence[str]
) -> str | None:
    """Return the first argument of `keyword` in the first Match block that has it and holds.

    Args:
        config: lines of the configuration: at least those of Match and of `keyword`.
        keyword: in lower case.
        connection: how the user connects.
        user, groups: the user, and the names of the user's groups.

    Returns:
        The argument; None if no such block has the keyword.
    """
    holds = False
    for line in config:
        name, words = arguments(line)
        if name == "match":
            holds = all(_holds(attribute, value, connection, user, groups) for attribute, value in criteria_of(words))
        elif name == keyword and holds and words:
            return words[0]
    return None


def _holds(attribute: str, value: str, connection: Connection, user: str, groups: Sequence[str]) -> bool:
    if attribute == "group":
        return any(_matches(value, group) for group in groups)
    if attribute == "user":
        return _matches(value, user)
    read = _ATTRIBUTES.get(attribute)
    if read is None:
        return False
    text = read(connection)
    return admits(value, text) if attribute in ("address", "localaddress") else _matches(value, text)


#: Criterion -> what it is compared with.
_ATTRIBUTES: dict[str, Callable[[Connection], str]] = {
    "address": lambda connection: connection.address,
    "localaddress": lambda connection: connection.local_address,
    "localport": lambda connection: str(connection.port or _PORT),
    "host": lambda connection: connection.host or connection.address,
    "rdomain": lambda connection: connection.rdomain,
}


def _matches(patterns: str, text: str) -> bool:
    """Whether a list of patterns matches: one does, and none with ``!`` (match.c, match_pattern_list)."""
    found = list(_matching(patterns, text))
    return bool(found) and not any(found)


def _matching(patterns: str, text: str) -> Iterator[bool]:
    """Yield for each pattern that matches whether it is an exclusion."""
    for pattern in patterns.split(","):
        if matches_wildcards(pattern.removeprefix("!"), text):
            yield pattern.startswith("!")
