"""Ask a management controller about its serial console by Redfish: how to enter it and how to leave it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from ..errors import EndpointRefused, EndpointUnreachable, SosError, UsageError
from ..fetch import FetchFailed, checked_base, fetch_object
from ..printable import printable
from ..secrets.secret import Secret
from .dialects import DIALECTS, PLAIN
from .hot_key import MAX_TEXT, parse_hot_key
from .target import SshTarget, Target, dialect_of

__all__ = ["SerialConsole", "apply_redfish", "serial_console"]

_SYSTEMS = "/redfish/v1/Systems"
_PATH = re.compile(r"/redfish/v1/Systems/[0-9A-Za-z._~%:@/-]{1,200}")
_MAX_COMMAND = 200
_COMMAND = re.compile(rf"[\x20-\x7e]{{1,{_MAX_COMMAND}}}")
_PROTOCOLS = ("SSH", "IPMI", "Telnet")


@dataclass(frozen=True)
class SerialConsole:
    """A machine's serial console, as Redfish describes it.

    Fields:
        protocol: the first enabled one of SSH, IPMI and Telnet.
        port: None if the reply has none.
        entry: lines to type at the controller's own prompt; empty if the console appears at once.
        leave: the keys that leave it, in the vendor's words, printable; see `parse_hot_key`. None if unknown.
        sessions: how many sessions may be open at a time, over all protocols.
        enabled: whether the protocol is enabled.
        shared_with_cli: whether the port leads to the controller's own prompt.
    """

    protocol: Literal["ssh", "ipmi", "telnet"]
    port: int | None
    entry: tuple[str, ...]
    leave: str | None
    sessions: int | None
    enabled: bool
    shared_with_cli: bool


async def serial_console(
    address: str, user: str, password: Secret, *, ca: Path | None = None, system: str | None = None
) -> SerialConsole:
    """Ask a management controller for its serial console.

    Args:
        address: the controller: ``https://bmc`` or just ``bmc``.
        user, password: an account on the controller.
        ca: a file of authorities that replaces those of the system.
        system: the id of a machine, if the controller has several; the first by default.

    Raises:
        UsageError: the address or the user is not valid.
        EndpointUnreachable: there is no answer, or it is not Redfish.
        EndpointRefused: access is denied, or the answer is not usable.
    """
    api = _Api(address, user, password, ca)
    members = (await api.get(_SYSTEMS)).get("Members")
    paths = [one.get("@odata.id") for one in members if isinstance(one, dict)] if isinstance(members, list) else []
    valid = [path.rstrip("/") for path in paths if isinstance(path, str) and _is_path(path)]
    matching = [path for path in valid if system is None or path.rpartition("/")[2] == system]
    if not matching:
        names = ", ".join(printable(path.rpartition("/")[2], 40) for path in valid[:20])
        what = "lists no system" if system is None else f"has no system {printable(system, 60)!r}"
        raise EndpointRefused(f"{api.name} {what}", hint=f"Its systems: {names or 'none'}.")
    console = (await api.get(matching[0])).get("SerialConsole")
    if not isinstance(console, dict):
        raise EndpointRefused(f"{api.name} does not describe a serial console", hint="Its firmware may be too old.")
    return _parse(console, api.name)


def apply_redfish(console: SerialConsole, target: Target) -> Target:
    """Return `target` with the controller's own commands and keys for its console.

    The controller's commands are used only if its prompt is known: an unknown prompt could be a shell's.
    """
    dialect = dialect_of(target)
    if dialect is PLAIN:
        dialect = next((one for one in DIALECTS.values() if console.entry in one.enter), PLAIN)
    if dialect.prompt and console.entry:
        dialect = replace(dialect, enter=tuple(dict.fromkeys((console.entry, *dialect.enter))))
    keys = parse_hot_key(console.leave or "")
    if dialect is not PLAIN and keys is not None and keys not in dialect.forbidden:
        dialect = replace(dialect, forbidden=(*dialect.forbidden, keys))
        if b"\r" not in keys:  # Enter would run unfinished input
            dialect = replace(dialect, leave=keys)
    dialect = replace(dialect, shared=dialect.shared or (console.sessions or 1) > 1)
    if isinstance(target, SshTarget) and target.port is None and console.protocol == "ssh":
        target = replace(target, port=console.port)
    return replace(target, dialect=dialect)


class _Api:
    """The Redfish service of one controller."""

    def __init__(self, address: str, user: str, password: Secret, ca: Path | None) -> None:
        text = address if "://" in address else f"https://{address}"
        try:
            self._base = checked_base(text).removesuffix("/redfish/v1")
        except ValueError as error:
            raise UsageError(f"the Redfish address {printable(address, 80)} {error}") from None
        if ":" in user:
            raise UsageError(f"{printable(user, 60)!r} is not a valid user for Redfish: it contains a colon")
        plain = f"{user}:{password.reveal()}".encode()
        self._login = Secret("Basic " + base64.b64encode(plain).decode("ascii"))
        self._ca = ca
        self.name = f"Redfish at {printable(self._base, 120)}"

    async def get(self, path: str) -> dict[str, Any]:
        try:
            return await fetch_object(self._base + path, headers={"Authorization": self._login}, ca=self._ca)
        except FetchFailed as error:
            raise self._error(error) from None

    def _error(self, error: FetchFailed) -> SosError:
        message = f"{self.name}: {error.message}"
        if error.status in (401, 403):
            return EndpointRefused(message, hint="Check the controller's user and password.")
        if error.status is not None and 400 <= error.status < 500:
            return EndpointRefused(message, hint="There may be no Redfish service at that address.")
        hint = "Check the controller's address and the route to it." if error.status is None else ""
        return EndpointUnreachable(message, hint=hint)


def _is_path(path: str) -> bool:
    return _PATH.fullmatch(path) is not None and ".." not in path and "//" not in path


def _parse(console: dict[str, Any], name: str) -> SerialConsole:
    protocols = {key: fields for key in _PROTOCOLS if isinstance(fields := console.get(key), dict)}
    if not protocols:
        raise EndpointRefused(
            f"{name} lists no protocol for its serial console", hint=f"Expected {', '.join(_PROTOCOLS)}."
        )
    protocol = next((one for one in protocols if protocols[one].get("ServiceEnabled") is True), next(iter(protocols)))
    fields = protocols[protocol]
    leave = fields.get("HotKeySequenceDisplay")
    return SerialConsole(
        cast(Literal["ssh", "ipmi", "telnet"], protocol.lower()),
        _number(fields.get("Port"), 65535),
        _entry(fields.get("ConsoleEntryCommand"), name),
        printable(leave, MAX_TEXT) if isinstance(leave, str) and leave else None,
        _number(console.get("MaxConcurrentSessions"), 1000),
        fields.get("ServiceEnabled") is True,
        fields.get("SharedWithManagerCLI") is True,
    )


def _number(value: object, most: int) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most else None


def _entry(command: object, name: str) -> tuple[str, ...]:
    """Return the steps of a command. They come from the network and are typed, so only printable ASCII is accepted."""
    if not command:
        return ()
    if not isinstance(command, str) or _COMMAND.fullmatch(command) is None:
        raise EndpointRefused(
            f"{name} returned an unusable command for the console: not a line of up to {_MAX_COMMAND} ASCII characters",
            hint="Remove redfish from the machines file.",
        )
    return tuple(step for part in command.split(";") if (step := part.strip()))
