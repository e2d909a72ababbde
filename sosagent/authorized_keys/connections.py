"""The connections about which sshd is asked (sshd(8), -C): one, and those that its configuration names. No I/O."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from .config_lines import arguments

__all__ = ["DOCUMENTATION", "Connection", "client_places", "criteria_of"]

#: Addresses for documentation (RFC 5737), which no rule of a machine names on purpose: a client anywhere else.
DOCUMENTATION = ("192.0.2.1", "192.0.2.2")
_SAFE = re.compile(r"[\w.:%+-]+", re.ASCII)
_MOST = 8
_LOOPBACK = re.compile(r"127\.|::1$|localhost")


@dataclass(frozen=True)
class Connection:
    """A connection to sshd.

    Fields:
        address: the client's address.
        local_address: the address of sshd.
        port: the port of sshd; None for the first one in its configuration.
        host: the client's name; empty for the address, as with UseDNS no.
        rdomain: the routing domain.
        words: a description of the client, such as "10.0.0.0/8"; empty for any client.
    """

    address: str = DOCUMENTATION[0]
    local_address: str = DOCUMENTATION[1]
    port: int | None = None
    host: str = ""
    rdomain: str = ""
    words: str = ""

    @property
    def spec(self) -> str:
        """The words for -C, except for the user."""
        parts = {"host": self.host or self.address, "addr": self.address, "laddr": self.local_address}
        if self.port is not None:
            parts["lport"] = str(self.port)
        if self.rdomain:
            parts["rdomain"] = self.rdomain
        return ",".join(f"{name}={value}" for name, value in parts.items() if _SAFE.fullmatch(value))

    @property
    def is_local(self) -> bool:
        """Whether the client is on the machine itself."""
        return _LOOPBACK.match(self.address) is not None


def client_places(base: Connection, config: Iterable[str], users: Iterable[str]) -> tuple[Connection, ...]:
    """Return the other connections for which sshd may decide differently than for `base`.

    Args:
        base: the connection that was asked about first.
        config: lines of the configuration.
        users: patterns of AllowUsers and DenyUsers.

    Returns:
        One for each condition on the client or on the address of sshd, except the machine's own; at most 8.
    """
    found: dict[str, Connection] = {}
    for line in config:
        keyword, words = arguments(line)
        if keyword == "match":
            for place in _matching(base, words):
                found.setdefault(place.words, place)
    for pattern in users:
        for place in _places_of(base, pattern.rpartition("@")[2] if "@" in pattern else ""):
            found.setdefault(place.words, place)
    return tuple(place for place in found.values() if not place.is_local)[:_MOST]


def _matching(base: Connection, words: Sequence[str]) -> Iterator[Connection]:
    """Yield connections that meet the conditions of a Match line on the client and on sshd's own address."""
    criteria = dict(criteria_of(words))
    place, parts = base, list[str]()
    for name, put in _PUT.items():
        if name in criteria and (value := next(_examples(criteria[name]), "")):
            place = put(place, value)
            parts.append(f"{name} {criteria[name]}")
    if (port := next(_examples(criteria.get("localport", "")), "")).isdigit() and int(port) < 65536:
        place = replace(place, port=int(port))
        parts.append(f"port {port}")
    addresses = list(_places_of(place, criteria.get("address", "")))
    for one in addresses or ([place] if parts else []):
        yield replace(one, words=" and ".join(filter(None, (one.words, *parts))))


#: Criterion of Match -> puts an example of its value into a connection.
_PUT: dict[str, Callable[[Connection, str], Connection]] = {
    "localaddress": lambda place, value: replace(place, local_address=value),
    "host": lambda place, value: replace(place, host=value),
    "rdomain": lambda place, value: replace(place, rdomain=value),
}


def criteria_of(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the attributes of a Match line in lower case, and their patterns."""
    rest = list(words)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        lower = name.lower()
        if lower in ("all", "invalid-user") and not equals:
            continue
        if not value and rest:
            value = rest.pop(0).removeprefix("=") or (rest.pop(0) if rest else "")
        yield lower, value


def _places_of(base: Connection, patterns: str) -> Iterator[Connection]:
    """Yield a connection from an address of each pattern in a list."""
    for pattern in patterns.split(","):
        if pattern and not pattern.startswith("!"):
            for example in _examples(pattern):
                if _is_address(example):
                    yield replace(base, address=example, words=pattern)


def _examples(patterns: str) -> Iterator[str]:
    """Yield an address, a name or a number that matches each pattern of a list."""
    for pattern in patterns.split(","):
        if not pattern or pattern.startswith("!"):
            continue
        example = pattern
        if "/" in pattern:
            try:
                network = ipaddress.ip_network(pattern, strict=False)
            except ValueError:
                continue
            example = str(network.network_address + (1 if network.num_addresses > 2 else 0))
        example = example.replace("*", "1").replace("?", "1")
        if _SAFE.fullmatch(example):
            yield _completed(example)


def _completed(example: str) -> str:
    """Return an address for an example of ``10.*``, whose star stands for more than one number."""
    parts = example.split(".")
    if len(parts) < 4 and all(part.isdigit() for part in parts) and len(parts) > 1:
        return ".".join([*parts, "1", "1"][:4])
    return example


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
