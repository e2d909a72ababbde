"""A machine's SSH host keys, read on its trusted console: first contact without trust on first use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..access import Access
from ..errors import EditRefused
from ..keys import PublicKey, parse_blob
from ..printable import printable
from ..session.machine import on_machine
from ..session.root_shell import RootShell
from ..shell.programs import program

__all__ = ["HostKeys", "host_keys", "parse_host_keys"]

_KEY = re.compile(r"([kps]) ([a-z0-9@.-]{3,64}) ([A-Za-z0-9+/]+={0,2})(?: .*)?")
_FILE = re.compile(r"f (/\S{1,400})")
_NAME = re.compile(r"t (\S{1,253}) (\d{1,5})")


@dataclass(frozen=True)
class HostKeys:
    """What the machine says of itself, on its console.

    Fields:
        host: the endpoint.
        hostname: the machine's own name: for people to read, never for a file.
        port: sshd's.
        keys: derived from its private keys, one of each type.
        warnings: where what is served, or a .pub file, is not what the private key says.
        logged_out: whether the console was seen to be as it was found.
    """

    host: str
    hostname: str
    port: int
    keys: tuple[PublicKey, ...]
    warnings: tuple[str, ...]
    logged_out: bool = False


async def host_keys(access: Access) -> HostKeys:
    """Read the machine's SSH host keys over its console; nothing is changed.

    Raises:
        EditRefused: it has none that could be read.
        SosError: another of its leaves.
    """

    async def read(session: RootShell) -> HostKeys:
        said = await session.shell.run(program("host_keys"))
        found = parse_host_keys(said.lines)
        if not found.keys:
            raise EditRefused(
                "the machine shows no SSH host key",
                state="our shell",
                tail=said.lines,
                hint="Is sshd installed? `ssh-keygen -A` there makes host keys. Only root can read them.",
            )
        return found

    done = await on_machine(access, read)
    return replace(done.value, host=done.host, logged_out=done.session.left)


def parse_host_keys(lines: Sequence[str]) -> HostKeys:
    """Read what `host_keys.sh` prints. What is no whole key in its one form is passed over; no I/O."""
    hostname, port, file = "", 22, ""
    derived: dict[str, PublicKey] = {}
    beside: list[tuple[str, PublicKey]] = []
    served: list[PublicKey] = []
    for line in lines:
        if (name := _NAME.fullmatch(line)) is not None:
            hostname, port = printable(name[1], 80), int(name[2]) if 0 < int(name[2]) < 65536 else 22
        elif (path := _FILE.fullmatch(line)) is not None:
            file = printable(path[1])
        elif (key := _key(line)) is not None:
            if line[0] == "k":
                derived.setdefault(key.type, key)
            elif line[0] == "p":
                beside.append((file, key))
            else:
                served.append(key)
    warnings = [
        f"{at}.pub holds {key.fingerprint}, which is not the public half of {at}"
        for at, key in beside
        if key.type in derived and not derived[key.type].same_key(key)
    ]
    keys = dict(derived)
    for owner, key in beside:
        if key.type not in keys:
            keys[key.type] = key
            warnings.append(f"{owner} could not be read: its .pub is believed ({key.fingerprint})")
    warnings += [
        f"sshd serves another {key.type} key than its file holds: {key.fingerprint} (was it restarted since?)"
        if key.type in keys
        else f"sshd serves a {key.type} key that no file of its configuration holds: {key.fingerprint}"
        for key in served
        if key.type not in keys or not keys[key.type].same_key(key)
    ]
    if not served:
        warnings.append("sshd does not answer on the machine itself: what it would serve was not compared")
    return HostKeys("", hostname, port, tuple(keys.values()), tuple(warnings))


def _key(line: str) -> PublicKey | None:
    found = _KEY.fullmatch(line)
    if found is None:
        return None
    try:
        return PublicKey(found[2], parse_blob(found[2], found[3]))
    except ValueError:
        return None
