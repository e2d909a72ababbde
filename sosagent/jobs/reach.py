"""How this computer reaches the machine's sshd: the connection about which sshd is asked."""

from __future__ import annotations

import ipaddress
import socket

from ..authorized_keys.connections import Connection
from ..keys.known_hosts import address_of

__all__ = ["connection_to"]

_PORT = 22


def connection_to(address: str) -> Connection:
    """Return the connection from this computer to a machine. It blocks while a name is looked up; nothing is sent.

    Args:
        address: HOST or HOST:PORT of the machine's sshd; empty if unknown.

    Returns:
        The connection. Where the machine sees another address than ours (NAT), or nothing is known, documentation
        addresses stand for any.
    """
    if not address:
        return Connection()
    host, port = address_of(address)
    try:
        found = socket.getaddrinfo(host, port or _PORT, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return Connection(port=port)
    for family, kind, protocol, _, place in found:
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.connect(place)  # finds the route; a datagram socket sends nothing here
                ours, theirs = str(probe.getsockname()[0]), str(place[0])
        except OSError:
            continue
        if _is_same_network(ours, theirs):
            return Connection(ours, theirs, port, words=f"this computer ({ours})")
    return Connection(port=port)


def _is_same_network(ours: str, theirs: str) -> bool:
    """Whether the machine sees our own address, as far as that can be told: none or both are private."""
    try:
        one, other = ipaddress.ip_address(ours), ipaddress.ip_address(theirs)
    except ValueError:
        return False
    return not (one.is_loopback or one.is_link_local) and one.is_private == other.is_private
