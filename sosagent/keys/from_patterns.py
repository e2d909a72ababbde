"""The value of the option ``from``: which clients sshd admits (match.c, match_host_and_ip; addrmatch.c). No I/O."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from ..printable import printable
from .host_patterns import matches_wildcards

__all__ = ["admits", "has_names", "nobody_because", "useless_patterns"]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAX_ADDRESS = 63  # characters; a longer text is a pattern of names
_MAX_PATTERN = 1022
_MAX_PAIRS = 10_000  # of patterns and exclusions that are compared
_MASK = re.compile(r"0*([0-9]{1,10})")  # some releases also accept a sign and blanks
_PART = re.compile(r"0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*")
#: Characters of the names and addresses of clients, and the wildcards.
_POSSIBLE = re.compile(r"[A-Za-z0-9_.:%*?-]*")
_OF_ADDRESSES = re.compile(r"[0-9A-Fa-f.:*?]+")


class _Refused(ValueError):
    """A pattern for which sshd refuses every client; the message is one sentence that says why."""


def admits(value: str, address: str) -> bool:
    """Whether sshd admits a client.

    Args:
        value: the value of ``from``, without quotes.
        address: the client's address. As by default (UseDNS no), sshd does not look up its name.
    """
    client = ipaddress.ip_address(address)
    found = False
    try:
        for negated, pattern in _patterns(value):
            network = _network(pattern)
            if client in network if network is not None else matches_wildcards(pattern, address):
                if negated:
                    return False
                found = True
    except _Refused:
        return False
    # The list is read a second time, as patterns of names.
    if any(len(pattern.removeprefix("!")) > _MAX_PATTERN for pattern in value.split(",")):
        return found
    matching = [
        negated
        for negated, pattern in ((one.startswith("!"), one.removeprefix("!")) for one in value.split(","))
        if matches_wildcards(pattern.lower(), address)
    ]
    return not any(matching) and (found or bool(matching))


def nobody_because(value: str) -> str:
    """Return one sentence about why sshd admits no client at all; empty if it may admit some."""
    try:
        patterns = [(negated, pattern, _network(pattern)) for negated, pattern in _patterns(value)]
    except _Refused as error:
        return str(error)
    if all(negated for negated, _, _ in patterns):
        return "a list of exclusions only: sshd would refuse every client"
    useless = useless_patterns(value)
    wanted = [(pattern, network) for negated, pattern, network in patterns if not negated and pattern not in useless]
    if not wanted:
        return useless[next(iter(useless))]
    excluded = [(pattern, network) for negated, pattern, network in patterns if negated]
    if len(wanted) * len(excluded) > _MAX_PAIRS:
        return ""
    if all(any(_covers(one, pattern) for one in excluded) for pattern in wanted):
        return "each pattern is excluded by another: sshd would refuse every client"
    return ""


def useless_patterns(value: str) -> dict[str, str]:
    """Return the patterns that match no client, each with a sentence that says why."""
    useless: dict[str, str] = {}
    try:
        for _, pattern in _patterns(value):
            if _network(pattern) is not None:
                continue
            shown = printable(pattern, 60)
            if "/" in pattern:
                useless[pattern] = f"{shown!r}: sshd requires an address and the prefix length after the slash"
            elif _POSSIBLE.fullmatch(pattern) is None:
                useless[pattern] = f"{shown!r} is neither an address nor a pattern of host names"
            elif len(pattern) > _MAX_PATTERN:
                useless[pattern] = f"{printable(pattern, 20)!r}... is longer than {_MAX_PATTERN} characters"
    except _Refused:
        pass
    return useless


def has_names(value: str) -> bool:
    """Whether a pattern is one of host names, which sshd compares only with UseDNS yes."""
    patterns = (pattern.removeprefix("!") for pattern in value.split(","))
    return any(not _OF_ADDRESSES.fullmatch(one) and "/" not in one and _address(one) is None for one in patterns)


def _patterns(value: str) -> Iterator[tuple[bool, str]]:
    """Yield whether each pattern is an exclusion, and the pattern."""
    for one in value.split(","):
        pattern = one.removeprefix("!")
        if not pattern:
            raise _Refused("an empty pattern: sshd would refuse every client")
        yield one.startswith("!"), pattern


def _network(pattern: str) -> _Network | None:
    """Return the network that a pattern names; None if sshd reads it as a pattern of names.

    Raises:
        _Refused: for this network, sshd refuses every client.
    """
    if len(pattern) > _MAX_ADDRESS:
        return None
    text, slash, mask_text = pattern.partition("/")
    mask = _MASK.fullmatch(mask_text)
    address = _address(text)
    if address is None or (slash and mask is None):
        return None
    length = int(mask[1]) if mask is not None and slash else address.max_prefixlen
    if length >= 1 << 31:
        return None
    shown = printable(pattern, 60)
    if length > address.max_prefixlen:
        raise _Refused(f"{shown}: the prefix length is at most {address.max_prefixlen}; sshd would refuse every client")
    network = ipaddress.ip_network((address.packed, length), strict=False)
    if network.network_address.packed != address.packed:
        raise _Refused(f"{shown} has host bits set: sshd would refuse every client; write {network}")
    return network


def _address(text: str) -> _Address | None:
    """Return an address as getaddrinfo(3) reads it: IPv6, or one to four numbers (inet_aton(3))."""
    if ":" in text:
        try:
            return ipaddress.IPv6Address(re.sub(r"%[0-9]+$", "", text))
        except ValueError:
            return None
    parts = text.split(".")
    if len(parts) > 4 or not all(_PART.fullmatch(part) for part in parts):
        return None
    numbers = [_c_number(part) for part in parts]
    last = numbers.pop()
    if any(number > 255 for number in numbers) or last >= 256 ** (4 - len(numbers)):
        return None
    return ipaddress.IPv4Address(sum(number << (24 - 8 * at) for at, number in enumerate(numbers)) + last)


def _c_number(text: str) -> int:
    if text[:2] in ("0x", "0X"):
        return int(text[2:], 16)
    return int(text, 8 if text.startswith("0") else 10)


def _covers(excluded: tuple[str, _Network | None], wanted: tuple[str, _Network | None]) -> bool:
    """Whether an exclusion matches every client that another pattern matches, as far as that is simple to see."""
    (other, network), (pattern, own) = excluded, wanted
    if other in ("*", pattern):
        return True
    if own is None or network is None:
        return False
    return own.version == network.version and own.subnet_of(network)  # type: ignore[arg-type]
