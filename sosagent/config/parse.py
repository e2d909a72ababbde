"""Parse machines.toml, and report every mistake with its line. No I/O.

The file never contains passwords, only where each one comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from ..endpoint.parse import parse_target
from ..errors import ConfigInvalid
from ..printable import printable
from ..suggest import close_matches, did_you_mean
from .machine import MAX_BAUD, MIN_BAUD, Machine, is_name
from .machines import BAUD_NOT_USED, Machines, has_baud, has_own_login, target_of
from .toml_errors import read_toml
from .toml_text import Keys, line_in, lines_of

__all__ = ["parse_machines"]

#: Reports a mistake: ``report(path, message)``, where `path` is the key or table in the file.
_Report = Callable[[Keys, str], None]

_LOGIN_UNKNOWN = (
    "a login prompt of this endpoint may be the machine's, which would then receive this password; set dialect, if "
    "the endpoint has a type with its own login, or remove this"
)
#: pydantic's type of an error -> our message.
_MESSAGES = {
    "string_type": "must be a string in quotes",
    "string_too_short": "must not be empty",
    "string_too_long": "must not be longer than 1024 characters",
    "tuple_type": 'must be a list of strings, such as ["web1", "web2"]',
    "literal_error": 'must be "sudo" or "su"',
    "int_type": "must be a whole number without quotes",
    "greater_than_equal": f"must be between {MIN_BAUD} and {MAX_BAUD}",
    "less_than_equal": f"must be between {MIN_BAUD} and {MAX_BAUD}",
}


def parse_machines(text: str, name: str) -> Machines:
    """Parse the text of machines.toml.

    Args:
        text: TOML.
        name: the file's name in messages.

    Raises:
        ConfigInvalid: the text is not valid. It lists every mistake, with file, line and what is allowed.
    """
    shown = printable(name)
    data = read_toml(text, shown)
    lines = lines_of(text)
    wrong: list[tuple[int, str]] = []

    def report(path: Keys, message: str) -> None:
        wrong.append((line_in(lines, path), message))

    machines = _machines(data, report)
    if wrong:
        mistakes = tuple(f"{shown}:{line}: {message}" for line, message in sorted(wrong, key=lambda one: one[0]))
        error = ConfigInvalid(mistakes[0], hint="\n".join(mistakes[1:]))
        error.mistakes = mistakes
        raise error
    return Machines({name: machine for name, machine in machines.items() if machine is not None})


def _machines(data: dict[str, Any], report: _Report) -> dict[str, Machine | None]:
    for key in data:
        if key not in ("defaults", "machines"):
            message = f"unknown key {printable(key, 60)!r}; only [defaults] and [machines.NAME] are allowed"
            report((key,), message + _intended_table(key, data[key]))
    defaults = data.get("defaults", {})
    if _validate(("defaults",), defaults, report) is None:
        # Do not report again, for each machine, that there is no console.
        defaults = {"console": "host"} if isinstance(defaults, dict) and "console" in defaults else {}
    tables = data.get("machines", {})
    if not isinstance(tables, dict):
        report(("machines",), "machines must be tables: [machines.NAME]")
        tables = {}
    return {name: _machine(("machines", name), table, defaults, report) for name, table in tables.items()}


def _machine(path: tuple[str, str], table: Any, defaults: dict[str, Any], report: _Report) -> Machine | None:
    """Return the machine of a table, with the defaults filled in; None if it is not valid, which is reported."""
    name = path[1]
    if not is_name(name):
        allowed = "at most 64 ASCII letters, digits, dots, dashes and underscores"
        report(path, f"{printable(name, 60)!r} is not a valid name: it may have {allowed}")
        return None
    if isinstance(table, dict) and (dotted := _dotted_names(table)):
        for rest in dotted:
            quoted = printable(".".join((name, *rest)))
            report((*path, *rest), f'a name with dots needs quotes: [machines."{quoted}"]')
        return None
    machine = _validate(path, table, report)
    if isinstance(table, dict) and "console" not in defaults | table and not _resembles_unknown_key(table, "console"):
        report(path, f"{name} has no console")
        return None
    return None if machine is None else _with_defaults(path, table, defaults, machine, report)


def _with_defaults(
    path: tuple[str, str], table: dict[str, Any], defaults: dict[str, Any], machine: Machine, report: _Report
) -> Machine:
    """Fill in the defaults, except those that do not fit the machine's console. A field of its own that does not fit is
    an error.
    """
    whole = Machine.model_validate(defaults | table)
    if whole.baud is not None and not has_baud(parse_target(whole.console or "")):
        if machine.baud is not None:
            report((*path, "baud"), BAUD_NOT_USED)
        whole = whole.model_copy(update={"baud": None})
    if whole.endpoint_password is not None and not has_own_login(target_of(whole)):
        if machine.endpoint_password is not None:
            report((*path, "endpoint_password"), _LOGIN_UNKNOWN)
        whole = whole.model_copy(update={"endpoint_password": None})
    return whole


def _validate(path: Keys, table: Any, report: _Report) -> Machine | None:
    """Return the fields of a table without the defaults; None if they are not valid, which is reported."""
    if not isinstance(table, dict):
        here = printable(".".join(path), 100)
        report(path, f"{here} must be a table: [{here}]")
        return None
    try:
        return Machine.model_validate(table)
    except ValidationError as error:
        for one in error.errors(include_input=False, include_url=False):
            report((*path, *map(str, one["loc"])), _message(str(one["loc"][0]), one["type"], one["msg"]))
        return None


def _message(key: str, kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return f"unknown key {printable(key, 80)!r}{did_you_mean(key, Machine.model_fields)}"
    return f"{key}: {_MESSAGES.get(kind) or printable(message.removeprefix('Value error, '), 300)}"


def _intended_table(key: str, table: Any) -> str:
    """Suggest the header that the user probably intended, or an empty string."""
    if not isinstance(table, dict):
        return ""
    near = close_matches(key, ("defaults", "machines"), most=1, cutoff=0.8)
    if near == ["defaults"]:
        return "; did you mean [defaults]?"
    names = [one for one in table if isinstance(table[one], dict)] if near == ["machines"] else []
    if names or is_name(key):
        return f"; did you mean [machines.{printable(names[0] if names else key, 60)}]?"
    return ""


def _dotted_names(table: dict[str, Any]) -> list[Keys]:
    """Return the rest of each machine's name that has dots and no quotes, and so became nested tables."""
    inner = {key: value for key, value in table.items() if key not in Machine.model_fields and isinstance(value, dict)}
    return [(key, *rest) for key, value in inner.items() for rest in _innermost(value)]


def _innermost(table: dict[str, Any]) -> list[Keys]:
    if not table or not all(isinstance(value, dict) for value in table.values()):
        return [()]
    return [(key, *rest) for key, value in table.items() for rest in _innermost(value)]


def _resembles_unknown_key(table: dict[str, Any], field: str) -> bool:
    """Whether an unknown key, which is reported anyway, was probably intended to be `field`."""
    return field in (
        match for key in table.keys() - Machine.model_fields.keys() for match in close_matches(key, [field])
    )
