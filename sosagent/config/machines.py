"""The file of machines: what a name stands for. Text in, values out; no I/O.

``machines.toml`` holds no password: it says where each one comes from.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from ..endpoint.dialects import DIALECTS
from ..endpoint.parse import checked_dialect, parse_target
from ..endpoint.target import (
    ProviderReference,
    SerialTarget,
    SshSettings,
    SshTarget,
    Target,
    TcpTarget,
    dialect_of,
)
from ..errors import ConfigInvalid, UsageError
from ..keys.known_hosts import address_of, place_of
from ..printable import is_clean, printable
from ..secrets.sources import PasswordSource, parse_source
from .toml_errors import read_toml
from .toml_text import line_in, line_of, lines_of

__all__ = [
    "Machine", "Machines", "PasswordSource", "is_name", "line_of", "parse_machines", "parse_source", "schema",
    "target_of",
]  # fmt: skip

_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"
_NOT_CLEAN = "it holds control characters"
_LEAST_BAUD, _MOST_BAUD = 50, 4_000_000

#: What the schema knows of texts; there is more to them, which only the parser can tell.
_C = r"\u0000-\u001f\u007f-\u009f"
_CLEAN = f"^[^{_C}]*$"
_SOURCE = rf"^(prompt|env:[A-Za-z_][A-Za-z0-9_]*|(file|command):[^{_C}]*[^\s{_C}][^{_C}]*|keyring:[^{_C}]+/[^/{_C}]+)$"
_HTTPS = rf"^[Hh][Tt][Tt][Pp][Ss]://[^/?#@\s{_C}]+([/?#][^\s{_C}]*)?$"


def _like(**extra: Any) -> Any:
    return Field(json_schema_extra=extra)


_Limited = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
_Text = Annotated[_Limited, _like(pattern=_CLEAN)]
_Source = Annotated[_Limited, _like(pattern=_SOURCE)]
_Address = Annotated[_Limited, _like(pattern=r"^[A-Za-z0-9_.:%\[\]-]+$")]
_Dialect = Annotated[_Limited, _like(enum=sorted(DIALECTS))]
_Https = Annotated[_Limited, _like(pattern=_HTTPS)]
_Baud = Annotated[int, Field(ge=_LEAST_BAUD, le=_MOST_BAUD, strict=True)]


class Machine(BaseModel):
    """One machine, or what holds for all of them. What is not told is None, or empty."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    console: _Text | None = Field(None, description="The console's endpoint, as HOST on the command line.")
    dialect: _Dialect | None = Field(None, description="What the endpoint is, as ?dialect= in HOST.")
    baud: _Baud | None = Field(None, description="Bits a second, of a cable or an RFC 2217 line.")
    hostname: _Text | None = Field(None, description="The machine's name, checked before its password is typed.")
    login: _Text | None = Field(None, description="Who logs in at the console; root by default.")
    user: _Text | None = Field(None, description="Whose authorized_keys; the login's by default.")
    become: Literal["sudo", "su"] | None = Field(None, description="How the login becomes root.")
    password: _Source | None = Field(
        None, description=f"Where the machine's password comes from: {PasswordSource.FORMS}."
    )
    become_password: _Source | None = Field(None, description="The same, for what sudo or su ask for.")
    endpoint_password: _Source | None = Field(None, description="The same, for the endpoint's own password.")
    address: _Address | None = Field(None, description="Of its sshd, for --verify and hostkeys: HOST or HOST:PORT.")
    known_as: tuple[_Address, ...] = Field((), description="Names and addresses for known_hosts.")
    groups: tuple[_Text, ...] = Field((), description="That it belongs to.")
    identity: _Text | None = Field(None, description="Private key for the endpoint.")
    redfish: _Https | None = Field(None, description="https:// address of the management controller.")

    redfish_ca: _Text | None = Field(None, description="A file of authorities that sign its certificate.")

    @field_validator("password", "become_password", "endpoint_password")
    @classmethod
    def _is_source(cls, value: str | None) -> str | None:
        if value is not None:
            parse_source(value)
            if not is_clean(value):
                raise ValueError(_NOT_CLEAN)
        return value

    @field_validator("console", "dialect", "address")
    @classmethod
    def _is_understood(cls, value: str | None, info: Any) -> str | None:
        if value is not None:
            _understood(_READ[info.field_name], value)
        return value

    @field_validator("known_as")
    @classmethod
    def _are_places(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            _understood(place_of, one)
        return value

    @field_validator("redfish")
    @classmethod
    def _is_https(cls, value: str | None) -> str | None:
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme != "https" or not parts.hostname or not is_clean(value) or " " in value:
                raise ValueError("an address such as https://bmc.example.net was expected")
            if "@" in parts.netloc:
                raise ValueError("a name or password in the address would be seen by others; leave it out")
        return value

    @field_validator("hostname", "login", "user", "identity", "redfish_ca", "groups")
    @classmethod
    def _is_clean(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        if not all(map(is_clean, [value] if isinstance(value, str) else value or ())):
            raise ValueError(_NOT_CLEAN)
        return value


def _dialect(name: str) -> str:
    if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", name) is None:
        raise UsageError("the name of a dialect was expected, such as idrac")
    return checked_dialect(name)


_READ: dict[str, Callable[[str], object]] = {"console": parse_target, "dialect": _dialect, "address": address_of}


def _understood(read: Callable[[str], object], value: str) -> None:
    try:
        read(value)
    except UsageError as error:
        raise ValueError(error.message) from None


@dataclass(frozen=True)
class Machines:
    """What a file of machines says.

    Fields:
        machines: by name; what stands under ``[defaults]`` is filled in.
        file: where that was read; None if it was not in a file.
    """

    machines: dict[str, Machine]
    file: Path | None = None

    def named(self, name: str) -> Machine | None:
        """The machine of that name."""
        return self.machines.get(name)

    def near(self, name: str) -> list[str]:
        """Names that look like it."""
        lower = {one.lower(): one for one in self.machines}
        return [lower[one] for one in difflib.get_close_matches(name.lower(), lower, 3, 0.6)]

    def of_group(self, group: str) -> list[str]:
        """The names of the machines that belong to it."""
        return [name for name, machine in self.machines.items() if group in machine.groups]

    @property
    def groups(self) -> list[str]:
        """All groups, sorted."""
        return sorted({group for machine in self.machines.values() for group in machine.groups})


def target_of(machine: Machine, ssh: SshSettings | None = None) -> Target | ProviderReference:
    """Return the machine's console endpoint.

    Args:
        machine: its `dialect` and `baud` apply unless `console` contains them.
        ssh: the user's own settings. If they have no identities, the machine's identity is used.

    Raises:
        ConfigInvalid: the machine has no console, or a baud although its line has no speed that can be set.
        TargetInvalid: the console cannot be parsed.
    """
    if machine.console is None:
        raise ConfigInvalid("the machine has no console")
    ssh = ssh or SshSettings()
    if not ssh.identities and machine.identity is not None:
        ssh = replace(ssh, identities=(Path(machine.identity),))
    target = parse_target(machine.console, **ssh.options())
    changes: dict[str, Any] = {}
    if machine.dialect is not None and target.dialect is None:
        changes["dialect"] = machine.dialect
    if machine.baud is not None:
        if not _has_speed(target):
            raise ConfigInvalid(_NO_SPEED)
        if re.search(r"[?&]baud=", machine.console) is None:
            changes["baud"] = machine.baud
    return replace(target, **changes)


_NO_SPEED = "baud is for serial: and rfc2217: consoles; no other has a speed that can be set from here"


_NO_LOGIN = (
    "nothing tells this endpoint's own login from the machine's, which would get this password; say what it is "
    "(dialect), if that is one that has a login, or leave this out"
)


def _asks_itself(target: Target | ProviderReference) -> bool:
    """Whether a login that is asked for before the console is there is known to be the endpoint's own."""
    return isinstance(target, SshTarget) or dialect_of(target).tells_its_login


def _has_speed(target: Target | ProviderReference) -> bool:
    return isinstance(target, SerialTarget) or (isinstance(target, TcpTarget) and target.protocol == "rfc2217")


def is_name(text: str) -> bool:
    """Whether a machine may be called so."""
    return re.fullmatch(_NAME, text) is not None


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    machine = Machine.model_json_schema()
    for one in machine["properties"].values():
        # TOML has no null.
        one |= next((kind for kind in one.pop("anyOf", ()) if kind != {"type": "null"}), {})
        del one["default"], one["title"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sosagent's file of machines",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "defaults": machine,
            "machines": {
                "type": "object",
                "propertyNames": {"pattern": f"^{_NAME}$"},
                "additionalProperties": machine,
            },
        },
        # A machine has a console of its own, or that of all.
        "if": {"required": ["defaults"], "properties": {"defaults": {"required": ["console"]}}},
        "else": {"properties": {"machines": {"additionalProperties": {"required": ["console"]}}}},
    }


def parse_machines(text: str, name: str) -> Machines:
    """Read a file of machines.

    Args:
        text: TOML.
        name: what the file is called in messages.

    Raises:
        ConfigInvalid: with file, line and what was expected; it names every mistake.
    """
    shown = printable(name)
    data = read_toml(text, shown)
    lines = lines_of(text)
    wrong: list[tuple[int, str]] = []

    def note(path: tuple[str, ...], words: str) -> None:
        wrong.append((line_in(lines, path), words))

    for key in data:
        if key not in ("defaults", "machines"):
            words = f"{printable(key, 60)!r} is neither [defaults] nor [machines.NAME]"
            note((key,), words + _meant(key, data[key]))
    defaults = data.get("defaults", {})
    if _checked(("defaults",), defaults, note) is None:
        # Nothing comes of it; only, a console that is told there is not missed in each machine.
        defaults = {"console": "host"} if isinstance(defaults, dict) and "console" in defaults else {}
    listed = data.get("machines", {})
    if not isinstance(listed, dict):
        note(("machines",), "machines are tables: [machines.NAME]")
        listed = {}
    found = {entry: _one(("machines", entry), table, defaults, note) for entry, table in listed.items()}
    if wrong:
        mistakes = tuple(f"{shown}, line {line}: {words}" for line, words in sorted(wrong, key=lambda one: one[0]))
        error = ConfigInvalid(mistakes[0], hint="\n".join(mistakes[1:]))
        error.mistakes = mistakes
        raise error
    return Machines({entry: machine for entry, machine in found.items() if machine is not None})


_Note = Callable[[tuple[str, ...], str], None]


def _checked(path: tuple[str, ...], table: Any, note: _Note) -> Machine | None:
    """What a table says; None if that is wrong, which is noted."""
    if not isinstance(table, dict):
        here = printable(".".join(path), 100)
        note(path, f"{here} is a table: [{here}]")
        return None
    try:
        return Machine.model_validate(table)
    except ValidationError as error:
        for one in error.errors(include_input=False, include_url=False):
            note((*path, *map(str, one["loc"])), _words(str(one["loc"][0]), one["type"], one["msg"]))
        return None


def _one(path: tuple[str, str], table: Any, defaults: dict[str, Any], note: _Note) -> Machine | None:
    if not is_name(path[1]):
        what = "at most 64 ASCII letters, digits, dots, dashes and underscores"
        note(path, f"{printable(path[1], 60)!r} is no name: {what}")
        return None
    if isinstance(table, dict) and (dotted := _dotted(table)):
        for rest in dotted:
            note((*path, *rest), f'a name with dots needs quotes: [machines."{printable(".".join(path[1:] + rest))}"]')
        return None
    machine = _checked(path, table, note)
    if isinstance(table, dict) and "console" not in defaults | table and not _nearly(table, "console"):
        note(path, f"{path[1]} has no console")
        return None
    if machine is None:
        return None
    whole = Machine.model_validate(defaults | table)
    if whole.baud is not None and not _has_speed(parse_target(whole.console or "")):
        if machine.baud is not None:
            note((*path, "baud"), _NO_SPEED)
        whole = whole.model_copy(update={"baud": None})  # that of [defaults] is for those that have a speed
    if whole.endpoint_password is not None and not _asks_itself(target_of(whole)):
        if machine.endpoint_password is not None:
            note((*path, "endpoint_password"), _NO_LOGIN)
        whole = whole.model_copy(update={"endpoint_password": None})
    return whole


def _meant(key: str, table: Any) -> str:
    """The header that was meant, where that can be guessed."""
    if not isinstance(table, dict):
        return ""
    near = difflib.get_close_matches(key.lower(), ("defaults", "machines"), 1, 0.8)
    names = [one for one in table if isinstance(table[one], dict)] if near == ["machines"] else []
    if near == ["defaults"]:
        return "; [defaults] is meant?"
    if names or is_name(key):
        return f"; [machines.{printable(names[0] if names else key, 60)}] is meant?"
    return ""


def _dotted(table: dict[str, Any]) -> list[tuple[str, ...]]:
    """What stands behind the first dot of names without quotes: a machine holds no tables."""
    inner = {key: value for key, value in table.items() if key not in Machine.model_fields and isinstance(value, dict)}
    return [(key, *rest) for key, value in inner.items() for rest in _ends(value)]


def _ends(table: dict[str, Any]) -> list[tuple[str, ...]]:
    if not table or not all(isinstance(value, dict) for value in table.values()):
        return [()]
    return [(key, *rest) for key, value in table.items() for rest in _ends(value)]


def _nearly(table: dict[str, Any], field: str) -> bool:
    """Whether a key is there that was to be `field`, which is told already."""
    return bool(difflib.get_close_matches(field, set(table) - set(Machine.model_fields), 1))


#: pydantic's kinds of mistakes -> what was expected.
_EXPECTED = {
    "string_type": "a text in quotes was expected",
    "string_too_short": "it is empty",
    "string_too_long": "it is longer than 1024 characters",
    "tuple_type": 'a list of texts was expected, such as ["web1", "web2"]',
    "literal_error": '"sudo" or "su" was expected',
    "int_type": "a whole number without quotes was expected",
    "greater_than_equal": f"a number between {_LEAST_BAUD} and {_MOST_BAUD} was expected",
    "less_than_equal": f"a number between {_LEAST_BAUD} and {_MOST_BAUD} was expected",
}


def _words(key: str, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(key, Machine.model_fields, 1)
        return f"there is no {printable(key, 80)!r}" + (f"; {near[0]!r} is meant?" if near else "")
    return f"{key}: {_EXPECTED.get(kind) or printable(message.removeprefix('Value error, '), 300)}"
