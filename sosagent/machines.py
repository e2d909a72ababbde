"""The file of machines: what a name stands for. Text in, values out; no I/O.

``machines.toml`` holds no password: it says where each one comes from.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from .errors import ConfigInvalid, TargetInvalid
from .printable import is_clean, printable
from .target import parse_target

__all__ = ["Machine", "Machines", "PasswordSource", "line_of", "parse_machines", "parse_source", "schema"]

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_KINDS = ("prompt", "env", "file", "command", "keyring")
_SOURCES = "prompt, env:NAME, file:PATH, command:PROGRAM ARGS, keyring:SERVICE/USER"
_WORD = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


@dataclass(frozen=True)
class PasswordSource:
    """Where a password comes from.

    Fields:
        kind: see `parse_source`.
        value: what stands behind the colon.
    """

    kind: Literal["prompt", "env", "file", "command", "keyring"]
    value: str = ""


def parse_source(text: str) -> PasswordSource:
    """Read ``prompt``, ``env:NAME``, ``file:PATH``, ``command:PROGRAM ARGS`` or ``keyring:SERVICE/USER``.

    Raises:
        ValueError: it is none of these; the words do not hold the text, which may be a password.
    """
    kind, _, value = text.partition(":")
    if kind not in _KINDS or (kind == "prompt" and value):
        raise ValueError(f"a password itself has no place in this file; say where it comes from: {_SOURCES}")
    if kind == "env" and _VARIABLE.fullmatch(value) is None:
        raise ValueError("env: needs the name of a variable")
    if kind in ("file", "command") and not value.strip():
        raise ValueError(f"{kind}: needs {'a path' if kind == 'file' else 'a program'}")
    if kind == "keyring" and not all(value.partition("/")[::2]):
        raise ValueError("keyring: needs SERVICE/USER")
    return PasswordSource(kind, value)  # type: ignore[arg-type]


class Machine(BaseModel):
    """One machine, or what holds for all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    console: _Text | None = Field(None, description="The console's endpoint, as HOST on the command line.")
    hostname: _Text | None = Field(None, description="The machine's name, checked before its password is typed.")
    login: _Text = Field("root", description="Who logs in at the console.")
    user: _Text | None = Field(None, description="Whose authorized_keys; the login's by default.")
    become: Literal["sudo", "su"] | None = Field(None, description="How the login becomes root.")
    password: _Text = Field("prompt", description=f"Where the machine's password comes from: {_SOURCES}.")
    become_password: _Text | None = Field(None, description="The same, for what sudo or su ask for.")
    endpoint_password: _Text | None = Field(None, description="The same, for the endpoint's own password.")
    address: _Text | None = Field(None, description="Of its sshd, for --verify and hostkeys: HOST or HOST:PORT.")
    known_as: tuple[_Text, ...] = Field((), description="Names and addresses for known_hosts.")
    groups: tuple[_Text, ...] = Field((), description="That it belongs to.")
    identity: _Text | None = Field(None, description="Private key for the endpoint.")

    @field_validator("password", "become_password", "endpoint_password")
    @classmethod
    def _is_source(cls, value: str | None) -> str | None:
        if value is not None:
            parse_source(value)
        return value

    @field_validator("console")
    @classmethod
    def _is_host(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                parse_target(value)
            except TargetInvalid as error:
                raise ValueError(error.message) from None
        return value

    @field_validator("hostname", "login", "user", "address", "identity")
    @classmethod
    def _is_clean(cls, value: str | None) -> str | None:
        if value is not None and not is_clean(value):
            raise ValueError("it holds control characters")
        return value


@dataclass(frozen=True)
class Machines:
    """What a file of machines says.

    Fields:
        machines: by name; what stands under ``[defaults]`` is filled in.
    """

    machines: dict[str, Machine]

    def named(self, name: str) -> Machine | None:
        """The machine of that name."""
        return self.machines.get(name)

    def near(self, name: str) -> list[str]:
        """Names that look like it."""
        return difflib.get_close_matches(name, self.machines, 3, 0.6)

    def of_group(self, group: str) -> list[str]:
        """The names of the machines that belong to it."""
        return [name for name, machine in self.machines.items() if group in machine.groups]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    defaults: dict[str, Any] = Field(default_factory=dict)
    machines: dict[str, dict[str, Any]] = Field(default_factory=dict)


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, for editors."""
    machine = Machine.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sosagent's file of machines",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "defaults": machine,
            "machines": {"type": "object", "additionalProperties": machine},
        },
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
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"\(at line (\d+)", str(error))
        words = str(error).partition(" (at ")[0]
        line = at[1] if at else max(len(text.splitlines()), 1)
        raise ConfigInvalid(f"{shown}, line {line}: {printable(words, 200)}") from None
    wrong: list[str] = []

    def note(path: tuple[str, ...], words: str) -> None:
        wrong.append(f"{shown}, line {line_of(text, path)}: {words}")

    for key in data:
        if key not in ("defaults", "machines"):
            note((key,), f"{printable(key, 60)!r} is neither [defaults] nor [machines.NAME]")
    tables: dict[tuple[str, ...], Any] = {("defaults",): data.get("defaults", {})}
    listed = data.get("machines", {})
    if not isinstance(listed, dict):
        note(("machines",), "machines are tables: [machines.NAME]")
        listed = {}
    tables |= {("machines", entry): table for entry, table in listed.items()}
    found: dict[str, Machine] = {}
    defaults: dict[str, Any] = {}
    for path, table in tables.items():
        if not isinstance(table, dict):
            note(path, f"{'.'.join(path)} is a table: [{'.'.join(path)}]")
            continue
        if path[0] == "machines" and _NAME.fullmatch(path[1]) is None:
            note(path, f"{printable(path[1], 60)!r} is no name: letters, digits, dot, dash and underscore")
            continue
        try:
            machine = Machine.model_validate(defaults | table)
        except ValidationError as error:
            for one in error.errors(include_input=False, include_url=False):
                note((*path, *map(str, one["loc"])), _words(one["loc"], one["msg"]))
            continue
        if path == ("defaults",):
            defaults = table
        elif machine.console is None:
            note(path, f"{path[1]} has no console")
        else:
            found[path[1]] = machine
    if wrong:
        raise ConfigInvalid("; ".join(wrong[:1]), hint="\n".join(wrong[1:]))
    return Machines(found)


def _words(location: tuple[int | str, ...], message: str) -> str:
    key = printable(".".join(map(str, location)), 80)
    if message.startswith("Extra inputs"):
        near = difflib.get_close_matches(str(location[-1]), Machine.model_fields, 1)
        return f"there is no {key!r}" + (f"; {near[0]!r} is meant?" if near else "")
    return f"{key}: {printable(message.removeprefix('Value error, '), 300)}"


def line_of(text: str, path: tuple[str, ...]) -> int:
    """The line on which the key `path` stands in a TOML text, or the table that it belongs to."""
    table: tuple[str, ...] = ()
    best, line_of_best = 0, 1
    for number, line in enumerate(text.splitlines(), 1):
        here = _header(line)
        if here is not None:
            table, at = here, here
        else:
            key = _key(line)
            if key is None:
                continue
            at = (*table, *key)
        both = min(len(at), len(path))
        depth = both if at[:both] == path[:both] else 0
        if depth > best:
            best, line_of_best = depth, number
    return line_of_best


def _header(line: str) -> tuple[str, ...] | None:
    found = re.fullmatch(r"\s*\[\[?([^\]]+)\]\]?\s*(?:#.*)?", line)
    return None if found is None else _dotted(found[1])


def _key(line: str) -> tuple[str, ...] | None:
    found = re.match(rf"\s*({_WORD}(?:\s*\.\s*{_WORD})*)\s*=", line)
    return None if found is None else _dotted(found[1])


def _dotted(text: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"""\s*("[^"]*"|'[^']*'|[^.]+)""", text))
