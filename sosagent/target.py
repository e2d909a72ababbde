"""What HOST means: a name as people write it -> `Target`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from .errors import TargetInvalid
from .printable import is_clean, printable

__all__ = ["HostKeyPolicy", "Target", "parse_target"]

HostKeyPolicy = Literal["strict", "accept-new"]

_HOST = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<name>[A-Za-z0-9_](?:[\w.-]*\w)?\.?))(?::(?P<port>\d+))?"
)
_HOST_HINT = "Write user@host, user@host:port, ssh://user@host:port, or a Host of ~/.ssh/config."


@dataclass(frozen=True)
class Target:
    """One console endpoint that speaks SSH, and how to enter it.

    Fields:
        host: a name, an address or a Host alias of ssh_config.
        user: the endpoint's user; None leaves it to ssh_config.
        port: None leaves it to ssh_config, then 22.
        identities: private key files to offer; empty leaves it to ssh_config and the agent.
        ssh_config: a file instead of ~/.ssh/config; None is that one, if it is there.
        known_hosts: the only file of trusted host keys; None means those of ssh_config.
        host_key: ``strict`` refuses unknown host keys, ``accept-new`` writes them down.
    """

    host: str
    user: str | None = None
    port: int | None = None
    identities: tuple[Path, ...] = ()
    ssh_config: Path | None = None
    known_hosts: Path | None = None
    host_key: HostKeyPolicy = "strict"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.port else self.host
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return printable(f"{user}{host}{port}")


def parse_target(
    text: str,
    *,
    identities: tuple[Path, ...] = (),
    ssh_config: Path | None = None,
    known_hosts: Path | None = None,
    host_key: HostKeyPolicy = "strict",
) -> Target:
    """Read HOST.

    Args:
        text: ``user@host``, ``user@host:port``, ``ssh://user@host:port`` or an alias of ssh_config.
            GCP's and OCI's user names, which hold dots and colons, may stand before the last ``@``.

    Raises:
        TargetInvalid: it is none of these.
    """
    rest, is_url = text, False
    scheme, separator, after = text.partition("://")
    if separator:
        if scheme.lower() != "ssh":
            raise TargetInvalid(
                f"{printable(scheme, 40)}:// is no kind of console that sosagent knows", hint=_HOST_HINT
            )
        rest, is_url = after.rstrip("/"), True
    user, at, place = rest.rpartition("@")
    found = _HOST.fullmatch(place)
    bare_v6 = re.fullmatch(r"[0-9A-Fa-f:.]+:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*", place)
    if (found is None and bare_v6 is None) or (at and not user) or not is_clean(rest):
        raise TargetInvalid(f"HOST is not understood: {printable(text, 80)!r}", hint=_HOST_HINT)
    if is_url:
        if ":" in user:
            raise TargetInvalid(
                "a password in HOST would be seen by everybody on this machine",
                hint="Leave it out: the endpoint's own prompt is passed on to you.",
            )
        user = unquote(user)
    port = int(found["port"]) if found and found["port"] else None
    if port is not None and not 0 < port < 65536:
        raise TargetInvalid(f"port {port} is not between 1 and 65535")
    host = place if found is None else (found["v6"] or found["name"])
    return Target(host, user or None, port, identities, ssh_config, known_hosts, host_key)
