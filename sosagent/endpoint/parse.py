"""Parse HOST: the name or URL that the user writes -> a `Target` or a `ProviderReference`. No I/O."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import parse_qsl, unquote

from ..errors import TargetInvalid
from ..printable import is_clean, printable
from ..suggest import did_you_mean
from .dialects import DIALECTS, dialect_of_host
from .host_name import check_host_name
from .target import (
    ExecTarget,
    ProviderReference,
    SerialTarget,
    SshOptions,
    SshTarget,
    Target,
    TcpTarget,
    UnixTarget,
)

__all__ = ["checked_dialect", "parse_target"]

_MOST_BAUD = 4_000_000
_TELNET_PORT = 23
_OCI_PORT = 443
_HOST = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%[\w.-]+)?)\]|(?P<name>[A-Za-z0-9_](?:[\w.-]*\w)?\.?))(?::(?P<port>\d+))?"
)
_BARE_V6 = re.compile(r"[0-9A-Fa-f:.]{1,45}:[0-9A-Fa-f:.]{0,45}:[0-9A-Fa-f:.]{0,45}")
_COM_PORT = re.compile(r"(?i)com\d{1,3}")
#: ``packet:ID``. Text that can be SSH is SSH: ``host:22``, an IPv6 address, anything with an @.
_REFERENCE = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{1,30}):(?P<name>(?!\d+\Z)[^@:/?][^@]{0,499})")
#: Schemes that no provider can have: URLs with too few slashes, and the accounts that KEYFILE may name.
_NO_PROVIDER = frozenset({"file", "ftp", "gh", "gl", "http", "https"})
_HINT = (
    "Write user@host[:port], ssh://user@host:port, a Host in ~/.ssh/config, serial:///dev/ttyUSB0?baud=115200, "
    "unix:///path, socket://host:port, rfc2217://host:port, telnet://host:port, exec:COMMAND ARGS, or packet:ID."
)


def parse_target(text: str, **ssh: Unpack[SshOptions]) -> Target | ProviderReference:
    """Parse HOST.

    Args:
        text: ``user@host``, ``user@host:port``, ``ssh://user@host:port``, an alias of ssh_config, or another form
            from the documentation. The user name may contain dots and colons, as GCP and OCI need; the last ``@``
            ends it. ``?dialect=NAME`` after a URL sets the endpoint's dialect.
        ssh: ``identities=``, ``ssh_config=``, ``known_hosts=`` and ``host_key=``, see `SshSettings`; ignored for
            endpoints that do not speak SSH.

    Returns:
        The endpoint, or the machine that a provider has to look up.

    Raises:
        TargetInvalid: `text` has none of these forms.
    """
    if not is_clean(text) or not text.strip():
        raise _not_understood(text)
    if text.startswith(("/dev/", "\\\\.\\")) or _COM_PORT.fullmatch(text):
        return SerialTarget(text)
    reference = _reference(text)
    if reference is not None:
        return replace(reference, **ssh)
    scheme, rest, options = _split(text)
    if scheme not in _FORMS:
        raise TargetInvalid(f"unknown console type {printable(scheme, 40)!r}", hint=_HINT)
    target = _with_options(_FORMS[scheme](scheme, rest, text), options)
    return replace(target, **ssh) if isinstance(target, SshTarget) else target


def checked_dialect(value: str) -> str:
    """Return `value` if it is the name of a dialect.

    Raises:
        TargetInvalid: it is not.
    """
    if value in DIALECTS:
        return value
    raise TargetInvalid(
        f"unknown endpoint type {printable(value, 40)!r}{did_you_mean(value, DIALECTS, cutoff=0.4)}",
        hint=f"Known types: {', '.join(DIALECTS)}.",
    )


def _reference(text: str) -> ProviderReference | None:
    """Return the provider's machine for ``packet:ID``, or None if `text` has another form."""
    match = _REFERENCE.fullmatch(text)
    if match is None or match["scheme"] in _FORMS or match["scheme"] in _NO_PROVIDER or _BARE_V6.fullmatch(text):
        return None
    return ProviderReference(match["scheme"], match["name"])


def _split(text: str) -> tuple[str, str, dict[str, str]]:
    """Return the scheme (or an empty string), the text after it, and the options after ``?``."""
    if text.startswith("exec:"):
        return "exec", text.removeprefix("exec:"), {}
    if text.startswith("oci:"):
        return "oci", text.removeprefix("oci:"), {}
    scheme, separator, rest = text.partition("://")
    if not separator:
        match = re.match(r"(serial|unix):(?=/)", text)
        if match is None:
            return "", text, {}
        scheme, rest = match[1], text[match.end() :]
    rest, _, query = rest.partition("?")
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError:
        raise TargetInvalid(f"the options after ? in {printable(text, 80)!r} do not have the form NAME=VALUE") from None
    return scheme.lower(), rest, options


def _ssh(scheme: str, rest: str, text: str) -> Target:
    place = rest.rstrip("/") if scheme else rest
    user, at, place = place.rpartition("@")
    if (at and not user) or (_HOST.fullmatch(place) is None and _BARE_V6.fullmatch(place) is None):
        raise _not_understood(text)
    if scheme:
        if ":" in user:
            raise TargetInvalid(
                "HOST must not contain a password: every user of this computer could see it",
                hint="Leave it out; sosagent passes the endpoint's password prompt on to you.",
            )
        user = unquote(user)
    host, port = _parse_host_and_port(place)
    dialect = dialect_of_host(host)
    if dialect.user is not None and user and re.fullmatch(dialect.user[0], user) is None:
        raise TargetInvalid(
            f"{printable(user, 80)!r} is not a user name of {dialect.title}; it has the form {dialect.user[1]}",
            hint=dialect.note or _HINT,
        )
    return SshTarget(host, user or None, port or dialect.port)


def _oci(scheme: str, rest: str, text: str) -> Target:
    """Parse Oracle's connection string, in any of its forms: a connection id at the gateway, then an instance id."""
    gateway = re.search(r"(ocid1\.instanceconsoleconnection\.[\w.-]+)@([\w.-]+\w)", rest, re.ASCII)
    instance = re.search(r"\b(ocid1\.instance\.[\w.-]+\w)", rest, re.ASCII)
    if gateway is None or instance is None:
        raise TargetInvalid(
            "oci: needs the connection string of the console connection, with the ids of the connection and the "
            "instance",
            hint="Paste what `oci compute instance-console-connection get` shows as connection-string after oci:.",
        )
    return SshTarget(instance[1], jump=f"{gateway[1]}@{gateway[2]}:{_OCI_PORT}")


def _serial(scheme: str, rest: str, text: str) -> Target:
    device = unquote(rest)
    if not device.startswith("/") and _COM_PORT.fullmatch(device) is None:
        raise TargetInvalid(
            f"{printable(device, 80)!r} is not a serial device", hint="Write serial:///dev/ttyUSB0 or serial://COM3."
        )
    return SerialTarget(device)


def _tcp(scheme: Any, rest: str, text: str) -> Target:
    if "@" in rest:
        raise TargetInvalid(
            f"{scheme}:// takes no user in HOST", hint="sosagent passes the endpoint's questions on to you."
        )
    host, port = _parse_host_and_port(rest.rstrip("/"))
    if port is None and scheme != "telnet":
        raise TargetInvalid(f"{scheme}:// needs a port", hint=f"Write {scheme}://{printable(host, 80)}:PORT.")
    check_host_name(host)
    return TcpTarget(scheme, host, port or _TELNET_PORT)


def _unix(scheme: str, rest: str, text: str) -> Target:
    if not rest.startswith("/"):
        raise TargetInvalid("unix:// needs an absolute path", hint="Write unix:///path/to/socket.")
    return UnixTarget(Path(unquote(rest)))


def _exec(scheme: str, rest: str, text: str) -> Target:
    try:
        argv = tuple(shlex.split(rest))
    except ValueError as error:
        raise TargetInvalid(f"cannot parse the command after exec: {error}") from None
    if not argv:
        raise TargetInvalid("exec: needs a command", hint="For example exec:virsh console web1.")
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


def _parse_host_and_port(place: str) -> tuple[str, int | None]:
    match = _HOST.fullmatch(place)
    if match is None:
        if _BARE_V6.fullmatch(place) is None:
            raise TargetInvalid(f"{printable(place, 80)!r} in HOST is not a host name or address", hint=_HINT)
        return place, None
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 0 < port < 65536:
        raise TargetInvalid(f"port {port} is not between 1 and 65535")
    return match["v6"] or match["name"], port


def _not_understood(text: str) -> TargetInvalid:
    return TargetInvalid(f"cannot parse HOST {printable(text, 80)!r}", hint=_HINT)


def _with_options(target: Target, options: dict[str, str]) -> Target:
    known = {"dialect", "console"} | {one.name for one in fields(target)} & {"baud", "flow"}
    if isinstance(target, TcpTarget) and target.protocol != "rfc2217":
        known = {"dialect", "console"}
    changes: dict[str, Any] = {}
    for name, value in options.items():
        if name not in known:
            raise TargetInvalid(
                f"this HOST has no option {printable(name, 40)!r}", hint=f"Its options are {', '.join(sorted(known))}."
            )
        changes[name] = _OPTIONS[name](value)
    return replace(target, **changes)


def _baud(value: str) -> int:
    if not re.fullmatch(r"[0-9]{2,7}", value) or not 50 <= int(value) <= _MOST_BAUD:
        raise TargetInvalid(f"{printable(value, 40)!r} is not a baud rate", hint="For example 9600 or 115200.")
    return int(value)


def _flow(value: str) -> str:
    if value not in ("none", "rtscts", "xonxoff"):
        raise TargetInvalid(f"unknown flow control {printable(value, 40)!r}", hint="Use none, rtscts or xonxoff.")
    return value


def _console(value: str) -> str:
    # It is typed at the endpoint's prompt.
    if re.fullmatch(r"[\w.:/@+-]{1,128}", value, re.ASCII) is None:
        raise TargetInvalid(f"{printable(value, 60)!r} is not a console name")
    return value


_OPTIONS: dict[str, Callable[[str], Any]] = {
    "baud": _baud,
    "flow": _flow,
    "dialect": checked_dialect,
    "console": _console,
}
