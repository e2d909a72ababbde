"""What a management controller says of its serial console, by Redfish: how it is entered and how it is left."""

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
from .target import SshTarget, Target, dialect_of

__all__ = ["SerialConsole", "apply_redfish", "hot_key", "serial_console"]

_SYSTEMS = "/redfish/v1/Systems"
_PATH = re.compile(r"/redfish/v1/Systems/[0-9A-Za-z._~%:@/-]{1,200}")
_MOST_COMMAND = 200
_COMMAND = re.compile(r"[\x20-\x7e]{1,200}")
_MOST_KEYS = 8
_WAYS = ("SSH", "IPMI", "Telnet")


@dataclass(frozen=True)
class SerialConsole:
    """One way to a machine's serial console.

    Fields:
        protocol: the first that is switched on, of SSH, IPMI and Telnet.
        port: None where it is not told.
        entry: lines to type at the controller's own prompt; empty where the console is there at once.
        leave: the keys that leave it, in the vendor's words, printable; `hot_key` reads them. None if not told.
        sessions: how many may have it at a time, whichever way.
        enabled: whether it is switched on.
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
        address: the controller's: ``https://bmc`` or just ``bmc``.
        user, password: of the controller.
        ca: a file of authorities that is trusted instead of the system's.
        system: which machine, where it has several, by its id; the first by default.

    Raises:
        UsageError: the address is none, or the user or system's name.
        EndpointUnreachable: no answer, or none that is Redfish.
        EndpointRefused: it does not let us in, or says nothing that can be used.
    """
    api = _Api(address, user, password, ca)
    members = (await api.get(_SYSTEMS)).get("Members")
    paths = [one.get("@odata.id") for one in members if isinstance(one, dict)] if isinstance(members, list) else []
    known = [path.rstrip("/") for path in paths if isinstance(path, str) and _is_path(path)]
    wanted = [path for path in known if system is None or path.rpartition("/")[2] == system]
    if not wanted:
        names = ", ".join(printable(path.rpartition("/")[2], 40) for path in known[:20])
        what = "lists no system" if system is None else f"has no system {printable(system, 60)!r}"
        raise EndpointRefused(f"{api.name} {what}", hint=f"There are: {names or 'none'}.")
    console = (await api.get(wanted[0])).get("SerialConsole")
    if not isinstance(console, dict):
        raise EndpointRefused(
            f"{api.name} says nothing of a serial console", hint="Its firmware may be too old for that."
        )
    return _console(console, api.name)


class _Api:
    """A controller, and what it is asked."""

    def __init__(self, address: str, user: str, password: Secret, ca: Path | None) -> None:
        text = address if "://" in address else f"https://{address}"
        try:
            self._base = checked_base(text).removesuffix("/redfish/v1")
        except ValueError as error:
            raise UsageError(f"the Redfish address {printable(address, 80)} {error}") from None
        if ":" in user:
            raise UsageError(f"{printable(user, 60)!r} is no user of Redfish: it holds a colon")
        plain = f"{user}:{password.reveal()}".encode()
        self._login = Secret("Basic " + base64.b64encode(plain).decode("ascii"))
        self._ca = ca
        self.name = f"Redfish at {printable(self._base, 120)}"

    async def get(self, path: str) -> dict[str, Any]:
        try:
            return await fetch_object(self._base + path, headers={"Authorization": self._login}, ca=self._ca)
        except FetchFailed as error:
            raise self._why(error) from None

    def _why(self, error: FetchFailed) -> SosError:
        message = f"{self.name}: {error.message}"
        if error.status in (401, 403):
            return EndpointRefused(message, hint="Check the controller's user and password.")
        if error.status is not None and 400 <= error.status < 500:
            return EndpointRefused(message, hint="There may be no Redfish at that address.")
        return EndpointUnreachable(message)


def _is_path(path: str) -> bool:
    return _PATH.fullmatch(path) is not None and ".." not in path and "//" not in path


def _console(console: dict[str, Any], name: str) -> SerialConsole:
    told = {way: fields for way in _WAYS if isinstance(fields := console.get(way), dict)}
    if not told:
        raise EndpointRefused(f"{name} names no way to its serial console", hint=f"Such as {', '.join(_WAYS)}.")
    way = next((one for one in told if told[one].get("ServiceEnabled") is True), next(iter(told)))
    fields = told[way]
    leave = fields.get("HotKeySequenceDisplay")
    return SerialConsole(
        cast(Literal["ssh", "ipmi", "telnet"], way.lower()),
        _number(fields.get("Port"), 65535),
        _entry(fields.get("ConsoleEntryCommand"), name),
        printable(leave, _MOST_COMMAND) if isinstance(leave, str) and leave else None,
        _number(console.get("MaxConcurrentSessions"), 1000),
        fields.get("ServiceEnabled") is True,
        fields.get("SharedWithManagerCLI") is True,
    )


def apply_redfish(facts: SerialConsole, target: Target) -> Target:
    """`target`, entered and left as its controller says.

    What a controller says of its own command line is believed only where that is known: another one's prompt could
    not be told from a shell's.
    """
    row = dialect_of(target)
    if row is PLAIN:
        row = next((one for one in DIALECTS.values() if facts.entry in one.enter), PLAIN)
    if row.prompt and facts.entry:
        row = replace(row, enter=tuple(dict.fromkeys((facts.entry, *row.enter))))
    keys = hot_key(facts.leave or "")
    if row is not PLAIN and keys is not None and keys not in row.forbidden:
        row = replace(row, forbidden=(*row.forbidden, keys))
        if b"\r" not in keys:  # an Enter would run what somebody typed half
            row = replace(row, leave=keys)
    row = replace(row, shared=row.shared or (facts.sessions or 1) > 1)
    if isinstance(target, SshTarget) and target.port is None and facts.protocol == "ssh":
        target = replace(target, port=facts.port)
    return replace(target, dialect=row)


def _number(value: object, most: int) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= most else None


def _entry(command: object, name: str) -> tuple[str, ...]:
    """Its steps. They are typed at the controller, and come from the network: a line of plain ASCII, or nothing."""
    if not command:
        return ()
    if not isinstance(command, str) or _COMMAND.fullmatch(command) is None:
        raise EndpointRefused(
            f"{name} gives a command to enter the console that is no line of up to {_MOST_COMMAND} ASCII characters",
            hint="Leave out the Redfish address.",
        )
    return tuple(step for part in command.split(";") if (step := part.strip()))


#: What stands around the keys.
_BEFORE = re.compile(
    r"(?i)(?:to \w+(?: \w+){0,4}[,:]? )?(?:please )?(?:press|type|hit|use)\b:? |to \w+(?: \w+){0,4}: (?:press |type )?"
    r"|(?:the )?escape (?:character|sequence|key) is:? "
)
_AFTER = re.compile(r"(?i) +(?:to (?:\w+ ){0,2}?(?:exit|end|terminate|leave|quit|return|close|disconnect|stop)\b|- ).*")
_ASIDE = re.compile(r"\([^()]{3,}\)")
_KEY = re.compile(
    r"""(?P<gap>[\s,"'`]+|(?:and\ then|then|and|followed\ by|the|keys?)\b)"""
    r"""|(?P<line>~\.)(?=$|[\s,"'`])"""
    r"""|(?i:(?P<named><(?:enter|return|cr|esc|escape)>|(?:enter|return|esc|escape)\b))"""
    r"""|(?i:(?:ctrl|control)(?:\ ?[-+]\ ?))(?P<control>[][\\^_A-Za-z])(?=$|[\s,"'`])"""
    r"""|\^(?P<caret>[][\\^_A-Za-z])(?P<glued>[A-Za-z][.?]?)?(?=$|[\s,"'`])"""
    r"""|<(?P<angle>[!-~])>"""
    r"""|(?P<plain>[!-~])(?=$|[\s,"'`])"""
)
_NAMED = {"enter": b"\r", "return": b"\r", "cr": b"\r", "esc": b"\x1b", "escape": b"\x1b"}


def hot_key(text: str) -> bytes | None:
    """The bytes of keys that leave a console, as vendors print them.

    ``press <Enter>, <Esc>, and then <T> to terminate session`` gives Enter, Escape, T; ``ESC (`` Escape and that;
    ``^\\`` and ``Ctrl-]`` one control character; ``^Ec.`` ^E and two more. ``~.`` is looked for at the beginning of a
    line only, so Enter goes in front of it.

    Returns:
        None where any of it is not understood, or no key is among it that a text would not hold.
    """
    if len(text) > _MOST_COMMAND or re.fullmatch(r"[\x20-\x7e]+", text) is None:
        return None
    sentence = re.split(r"\. (?=[A-Z])", _ASIDE.sub("", text).strip())[-1]
    left = _AFTER.sub("", sentence).rstrip()
    before = _BEFORE.match(left)
    left = left[before.end() :] if before else left
    if re.search(r"[>'\"]\.$", left):
        left = left[:-1]  # the end of the sentence
    keys, position = b"", 0
    while position < len(left):
        found = _KEY.match(left, position)
        if found is None:
            return None
        key = _bytes_of(found)
        keys += key.removeprefix(b"\r") if keys.endswith(b"\r") else key
        position = found.end()
    sure = any(byte < 0x20 for byte in keys) and keys != b"\r"
    return keys if sure and len(keys) <= _MOST_KEYS else None


def _bytes_of(found: re.Match[str]) -> bytes:
    kind, text = found.lastgroup, found[0]
    if kind == "gap":
        return b""
    if kind == "line":
        return b"\r~."
    if kind == "named":
        return _NAMED[text.strip("<>").lower()]
    control = found["control"] or found["caret"]
    if control:
        return bytes([ord(control.upper()) ^ 0x40]) + (found["glued"] or "").encode()
    return (found["angle"] or found["plain"]).encode()
