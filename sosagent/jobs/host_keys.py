"""Read a machine's SSH host keys on its trusted console, so that the first login needs no trust on first use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..access import Access
from ..keys import PublicKey, parse_blob
from ..printable import printable
from ..session.machine import on_machine
from ..session.root_shell import RootShell
from ..shell.programs import program
from ..shell.refusal import edit_refused

__all__ = ["HostKeys", "host_keys", "parse_host_keys"]

_KEY = re.compile(r"([kps]) ([a-z0-9@.-]{3,64}) ([A-Za-z0-9+/]+={0,2})(?: .*)?")
_FILE = re.compile(r"f (/\S{1,400})")
_NAME = re.compile(r"t (\S{1,253}) (\d{1,5})")


@dataclass(frozen=True)
class HostKeys:
    """The host keys that a machine shows on its console.

    Fields:
        host: the endpoint.
        hostname: the name that the machine reports, for display only: it must not go into a file.
        port: the port of sshd.
        keys: derived from the private keys, one of each type.
        warnings: sentences about keys that sshd offers, or .pub files, that differ from the private key.
        logged_out: whether the console was seen to return to its initial state.
    """

    host: str
    hostname: str
    port: int
    keys: tuple[PublicKey, ...]
    warnings: tuple[str, ...]
    logged_out: bool = False


async def host_keys(access: Access) -> HostKeys:
    """Read the machine's SSH host keys over its console, without changing anything.

    Raises:
        EditRefused: no host key can be read.
        SosError: any other failure.
    """

    async def read(session: RootShell) -> HostKeys:
        reply = await session.shell.run(program("host_keys"))
        keys = parse_host_keys(reply.lines)
        if not keys.keys:
            raise edit_refused(
                "the machine shows no SSH host key",
                complaints=reply.lines,
                hint="Is sshd installed? `ssh-keygen -A` creates host keys there. Only root can read them.",
            )
        return keys

    done = await on_machine(access, read)
    return replace(done.value, host=done.host, logged_out=done.session.left)


def parse_host_keys(lines: Sequence[str]) -> HostKeys:
    """Parse the output of `host_keys.sh`, and ignore whatever is not a valid key; no I/O."""
    hostname, port, file = "", 22, ""
    derived: dict[str, PublicKey] = {}
    pub_files: list[tuple[str, PublicKey]] = []
    offered: list[PublicKey] = []
    for line in lines:
        if (name := _NAME.fullmatch(line)) is not None:
            hostname, port = printable(name[1], 80), int(name[2]) if 0 < int(name[2]) < 65536 else 22
        elif (key_file := _FILE.fullmatch(line)) is not None:
            file = printable(key_file[1])
        elif (key := _key(line)) is not None:
            if line[0] == "k":
                derived.setdefault(key.type, key)
            elif line[0] == "p":
                pub_files.append((file, key))
            else:
                offered.append(key)
    warnings = [
        f"{path}.pub contains {key.fingerprint}, which is not the public half of {path}"
        for path, key in pub_files
        if key.type in derived and not derived[key.type].same_key(key)
    ]
    keys = dict(derived)
    for path, key in pub_files:
        if key.type not in keys:
            keys[key.type] = key
            warnings.append(f"{path} could not be read: using its .pub file instead ({key.fingerprint})")
    warnings += [
        f"sshd offers another {key.type} key than its file contains: {key.fingerprint} (was it restarted since?)"
        if key.type in keys
        else f"sshd offers a {key.type} key that no file of its configuration contains: {key.fingerprint}"
        for key in offered
        if key.type not in keys or not keys[key.type].same_key(key)
    ]
    if not offered:
        warnings.append(
            "ssh-keyscan does not answer on the machine itself, or is missing there: the keys that the server offers "
            "were not compared"
        )
    return HostKeys("", hostname, port, tuple(keys.values()), tuple(warnings))


def _key(line: str) -> PublicKey | None:
    match = _KEY.fullmatch(line)
    if match is None:
        return None
    try:
        return PublicKey(match[2], parse_blob(match[2], match[3]))
    except ValueError:
        return None
