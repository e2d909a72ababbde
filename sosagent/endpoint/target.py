"""What HOST means: a name or URL as people write it -> a `Target`. No I/O."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, unquote

from ..errors import TargetInvalid
from ..printable import is_clean, printable
from .dialects import DIALECTS, PLAIN, Dialect, dialect_of_host, dialect_of_program

__all__ = [
    "BAUD",
    "ExecTarget",
    "FlowControl",
    "HostKeyPolicy",
    "ProviderTarget",
    "SerialTarget",
    "SshTarget",
    "Target",
    "TcpTarget",
    "UnixTarget",
    "checked_dialect",
    "dialect_of",
    "parse_target",
    "place_of",
]

HostKeyPolicy = Literal["strict", "accept-new"]
FlowControl = Literal["none", "rtscts", "xonxoff"]

BAUD = 115200
_MOST_BAUD = 4_000_000
_TELNET_PORT = 23
_OCI_PORT = 443
_HOST = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<name>[A-Za-z0-9_](?:[\w.-]*\w)?\.?))(?::(?P<port>\d+))?"
)
_BARE_V6 = re.compile(r"[0-9A-Fa-f:.]+:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_COM_PORT = re.compile(r"(?i)com\d{1,3}")
#: ``packet:ID``. What reads as SSH goes before it: ``host:22``, an IPv6 address, whatever holds an @.
_PROVIDED = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{1,30}):(?P<rest>(?!\d+\Z)[^@:/?][^@]{0,499})")
#: Words before a colon that are something else: an address with too few slashes, KEYFILE's accounts.
_NO_PROVIDER = frozenset({"file", "ftp", "gh", "gl", "http", "https"})
_HINT = (
    "Write user@host[:port], ssh://user@host:port, a Host of ~/.ssh/config, serial:///dev/ttyUSB0?baud=115200, "
    "unix:///path, socket://host:port, rfc2217://host:port, telnet://host:port, exec:COMMAND ARGS, or packet:ID."
)


@dataclass(frozen=True)
class Target:
    """One console endpoint, and how to enter it.

    Fields:
        dialect: what the endpoint is, where it is told and not to be found out; a name of `DIALECTS`, or
            a row of one's own.
        console: the machine's name there, where the endpoint shows a menu of several.
    """

    dialect: str | Dialect | None = field(default=None, kw_only=True)
    console: str | None = field(default=None, kw_only=True)

    #: Whether others on the way can read what passes.
    in_clear: ClassVar[bool] = False


@dataclass(frozen=True)
class SshTarget(Target):
    """An endpoint that speaks SSH.

    Fields:
        host: a name, an address or a Host alias of ssh_config.
        user: the endpoint's user; None leaves it to ssh_config.
        port: None leaves it to ssh_config, then 22.
        identities: private key files to offer; empty leaves it to ssh_config and the agent.
        ssh_config: a file instead of ~/.ssh/config; None is that one, if it is there.
        known_hosts: the only file of trusted host keys; None means those of ssh_config.
        host_key: ``strict`` refuses unknown host keys, ``accept-new`` writes them down.
        jump: the hosts on the way, as ProxyJump of ssh_config says them; None leaves it to that.
    """

    host: str
    user: str | None = None
    port: int | None = None
    identities: tuple[Path, ...] = ()
    ssh_config: Path | None = None
    known_hosts: Path | None = None
    host_key: HostKeyPolicy = "strict"
    jump: str | None = None

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        return printable(user + _place(self.host, self.port))


@dataclass(frozen=True)
class SerialTarget(Target):
    """A serial device of this machine.

    Fields:
        device: ``/dev/ttyUSB0``, ``COM3``.
        baud: bits a second.
        flow: flow control.
    """

    device: str
    baud: int = BAUD
    flow: FlowControl = "none"

    def __str__(self) -> str:
        return printable(self.device)


@dataclass(frozen=True)
class TcpTarget(Target):
    """A serial line behind a TCP port: of ser2net, a terminal server, a console server.

    Fields:
        protocol: ``rfc2217`` (telnet that sets the line's speed), ``socket`` (bytes as they are), ``telnet``.
        host, port: where.
        baud, flow: of the line, which only RFC 2217 can set; None leaves it as it is.
    """

    protocol: Literal["rfc2217", "socket", "telnet"]
    host: str
    port: int
    baud: int | None = None
    flow: FlowControl | None = None

    in_clear: ClassVar[bool] = True

    def __str__(self) -> str:
        return printable(f"{self.protocol}://{_place(self.host, self.port)}")


@dataclass(frozen=True)
class UnixTarget(Target):
    """A socket in the file system: QEMU's, libvirt's.

    Fields:
        path: of the socket.
    """

    path: Path

    def __str__(self) -> str:
        return printable(f"unix:{self.path}")


@dataclass(frozen=True)
class ExecTarget(Target):
    """A program of this machine that shows the console, run on a pty: ``ipmitool``, ``virsh``, ``console``.

    Fields:
        argv: the program and its arguments; no shell is between.
    """

    argv: tuple[str, ...]

    def __str__(self) -> str:
        # Arguments may hold what others should not see.
        return printable(f"exec:{self.argv[0]}", 200)


@dataclass(frozen=True)
class ProviderTarget(Target):
    """A machine of which a provider is asked where its console is; see `sosagent.providers`.

    Fields:
        scheme: the provider's, such as ``packet``.
        rest: what the provider calls the machine.
        identities, ssh_config, known_hosts, host_key: for the endpoint, should it speak SSH; see `SshTarget`.
    """

    scheme: str
    rest: str
    identities: tuple[Path, ...] = ()
    ssh_config: Path | None = None
    known_hosts: Path | None = None
    host_key: HostKeyPolicy = "strict"

    def __str__(self) -> str:
        return printable(f"{self.scheme}:{self.rest}")


#: How to get in, not where.
_NOT_PLACES = ("identities", "ssh_config", "known_hosts", "host_key", "dialect", "baud", "flow")


def place_of(target: Target) -> str:
    """Which console a target is, and no other's: for a lock, or a record."""
    told = {one.name: getattr(target, one.name) for one in fields(target) if one.name not in _NOT_PLACES}
    return f"{type(target).__name__} {told}"


def dialect_of(target: Target) -> Dialect:
    """What the endpoint of `target` is, as far as that is told, or its program or host name tells."""
    if isinstance(target.dialect, Dialect):
        return target.dialect
    if target.dialect is not None:
        return DIALECTS[target.dialect]
    if isinstance(target, ExecTarget):
        return dialect_of_program(target.argv)
    return dialect_of_host(target.host) if isinstance(target, SshTarget) else PLAIN


def _place(host: str, port: int | None) -> str:
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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
        text: ``user@host``, ``user@host:port``, ``ssh://user@host:port``, an alias of ssh_config, or another
            of the forms in the README. GCP's and OCI's user names, which hold dots and colons, may stand
            before the last ``@``. ``?dialect=NAME`` behind a URL tells what the endpoint is.
        identities, ssh_config, known_hosts, host_key: see `SshTarget`; other endpoints have none.

    Raises:
        TargetInvalid: it is none of these.
    """
    if not is_clean(text) or not text.strip():
        raise TargetInvalid(f"HOST is not understood: {printable(text, 80)!r}", hint=_HINT)
    if text.startswith(("/dev/", "\\\\.\\")) or _COM_PORT.fullmatch(text):
        return SerialTarget(text)
    provided = _provided(text)
    if provided is not None:
        target: Target = provided
    else:
        scheme, rest, options = _split(text)
        if scheme not in _FORMS:
            raise TargetInvalid(f"{printable(scheme, 40)}: is no kind of console that sosagent knows", hint=_HINT)
        target = _with_options(_FORMS[scheme](scheme, rest, text), options, text)
    if isinstance(target, (SshTarget, ProviderTarget)):
        return replace(target, identities=identities, ssh_config=ssh_config, known_hosts=known_hosts, host_key=host_key)
    return target


def _provided(text: str) -> ProviderTarget | None:
    """``packet:ID``, where it is nothing else."""
    found = _PROVIDED.fullmatch(text)
    if found is None or found["scheme"] in _FORMS or found["scheme"] in _NO_PROVIDER or _BARE_V6.fullmatch(text):
        return None
    return ProviderTarget(found["scheme"], found["rest"])


def _split(text: str) -> tuple[str, str, dict[str, str]]:
    """The scheme (``ssh`` where none is written), what follows, the options behind ``?``."""
    if text.startswith("exec:"):
        return "exec", text.removeprefix("exec:"), {}
    if text.startswith("oci:"):
        return "oci", text.removeprefix("oci:"), {}
    scheme, separator, rest = text.partition("://")
    if not separator:
        named = re.match(r"(serial|unix):(?=/)", text)
        if named is None:
            return "", text, {}
        scheme, rest = named[1], text[named.end() :]
    rest, _, query = rest.partition("?")
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise TargetInvalid(f"what stands behind ? in {printable(text, 80)!r} is not NAME=VALUE&...") from None
    return scheme.lower(), rest, options


def _ssh(scheme: str, rest: str, text: str) -> Target:
    place = rest.rstrip("/") if scheme else rest
    user, at, place = place.rpartition("@")
    if (at and not user) or (_HOST.fullmatch(place) is None and _BARE_V6.fullmatch(place) is None):
        raise TargetInvalid(f"HOST is not understood: {printable(text, 80)!r}", hint=_HINT)
    if scheme:
        if ":" in user:
            raise TargetInvalid(
                "a password in HOST would be seen by everybody on this machine",
                hint="Leave it out: the endpoint's own prompt is passed on to you.",
            )
        user = unquote(user)
    host, port = _host_and_port(place, text)
    dialect = dialect_of_host(host)
    if dialect.user is not None and user and re.fullmatch(dialect.user[0], user) is None:
        raise TargetInvalid(
            f"{dialect.title} takes another user than {printable(user, 80)!r}: {dialect.user[1]}",
            hint=dialect.note or _HINT,
        )
    return SshTarget(host, user or None, port or dialect.port)


def _oci(scheme: str, rest: str, text: str) -> Target:
    """Oracle's connection string in any of its shapes: a connection's id at the gateway, then an instance's id."""
    gateway = re.search(r"(ocid1\.instanceconsoleconnection\.[\w.-]+)@([\w.-]+\w)", rest, re.ASCII)
    instance = re.search(r"\b(ocid1\.instance\.[\w.-]+\w)", rest, re.ASCII)
    if gateway is None or instance is None:
        raise TargetInvalid(
            "oci: needs the console connection's string, with the ids of the connection and of the instance",
            hint="Paste what `oci compute instance-console-connection get` shows as connection-string behind oci:.",
        )
    return SshTarget(instance[1], jump=f"{gateway[1]}@{gateway[2]}:{_OCI_PORT}")


def _host_and_port(place: str, text: str) -> tuple[str, int | None]:
    found = _HOST.fullmatch(place)
    if found is None:
        if _BARE_V6.fullmatch(place) is None:
            raise TargetInvalid(f"{printable(place, 80)!r} in HOST is no name or address of a host", hint=_HINT)
        return place, None
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port < 65536:
        raise TargetInvalid(f"port {port} is not between 1 and 65535")
    return found["v6"] or found["name"], port


def _serial(scheme: str, rest: str, text: str) -> Target:
    device = unquote(rest)
    if not device.startswith("/") and _COM_PORT.fullmatch(device) is None:
        raise TargetInvalid(
            f"{printable(device, 80)!r} is no serial device", hint="Write serial:///dev/ttyUSB0 or serial://COM3."
        )
    return SerialTarget(device)


def _tcp(scheme: Any, rest: str, text: str) -> Target:
    if "@" in rest:
        raise TargetInvalid(
            f"{scheme}:// has no user of its own in HOST", hint="What the endpoint asks for is passed on to you."
        )
    host, port = _host_and_port(rest.rstrip("/"), text)
    if port is None and scheme != "telnet":
        raise TargetInvalid(f"{scheme}:// needs a port", hint=f"Write {scheme}://{printable(host, 80)}:PORT.")
    return TcpTarget(scheme, host, port or _TELNET_PORT)


def _unix(scheme: str, rest: str, text: str) -> Target:
    if not rest.startswith("/"):
        raise TargetInvalid("unix:// needs a path from the root", hint="Write unix:///path/to/socket.")
    return UnixTarget(Path(unquote(rest)))


def _exec(scheme: str, rest: str, text: str) -> Target:
    try:
        argv = tuple(shlex.split(rest))
    except ValueError as error:
        raise TargetInvalid(f"the command of exec: cannot be read: {error}") from None
    if not argv:
        raise TargetInvalid("exec: needs a command", hint="Such as exec:virsh console web1.")
    return ExecTarget(argv)


_FORMS: dict[str, Callable[[str, str, str], Target]] = {
    "": _ssh,
    "ssh": _ssh,
    "oci": _oci,
    "serial": _serial,
    "rfc2217": _tcp,
    "socket": _tcp,
    "telnet": _tcp,
    "unix": _unix,
    "exec": _exec,
}


def _with_options(target: Target, options: dict[str, str], text: str) -> Target:
    known = {"dialect", "console"} | {one.name for one in fields(target)} & {"baud", "flow"}
    if isinstance(target, TcpTarget) and target.protocol != "rfc2217":
        known = {"dialect", "console"}
    changes: dict[str, Any] = {}
    for name, value in options.items():
        if name not in known:
            raise TargetInvalid(
                f"HOST has no option {printable(name, 40)!r} here", hint=f"There are: {', '.join(sorted(known))}."
            )
        changes[name] = _OPTIONS[name](value)
    return replace(target, **changes)


def _baud(value: str) -> int:
    if not re.fullmatch(r"[0-9]{2,7}", value) or not 50 <= int(value) <= _MOST_BAUD:
        raise TargetInvalid(f"{printable(value, 40)!r} is no speed of a serial line", hint="Such as 9600 or 115200.")
    return int(value)


def _flow(value: str) -> str:
    if value not in ("none", "rtscts", "xonxoff"):
        raise TargetInvalid(f"{printable(value, 40)!r} is no flow control", hint="There are none, rtscts and xonxoff.")
    return value


def checked_dialect(value: str) -> str:
    """Give `value` back if there is such a dialect.

    Raises:
        TargetInvalid: there is none.
    """
    if value in DIALECTS:
        return value
    near = difflib.get_close_matches(value, DIALECTS, 1, 0.4)
    raise TargetInvalid(
        f"{printable(value, 40)!r} is no kind of endpoint that sosagent knows"
        + (f"; {near[0]} is meant?" if near else ""),
        hint=f"There are: {', '.join(DIALECTS)}.",
    )


def _console(value: str) -> str:
    # It is typed at the endpoint's prompt.
    if re.fullmatch(r"[\w.:/@+-]{1,128}", value, re.ASCII) is None:
        raise TargetInvalid(f"{printable(value, 60)!r} is no name of a console")
    return value


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "baud": _baud,
    "flow": _flow,
    "dialect": checked_dialect,
    "console": _console,
}
