"""The options in front of a key, by sshd's own grammar (sshd(8); auth-options.c, sshauthopt_parse)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from ..printable import is_clean, printable

__all__ = ["OptionInvalid", "are_options", "check_option", "check_options", "split_options", "time_of", "value_of"]

_FLAGS = frozenset({
    "agent-forwarding", "cert-authority", "no-agent-forwarding", "no-port-forwarding", "no-pty",
    "no-touch-required", "no-user-rc", "no-x11-forwarding", "port-forwarding", "pty", "restrict",
    "no-verify-required", "touch-required", "user-rc", "verify-required", "x11-forwarding",
})  # fmt: skip
#: Those that sshd takes once only.
_ONCE = frozenset({"command", "from", "principals"})
_VALUES = _ONCE | {"environment", "expiry-time", "permitlisten", "permitopen", "tunnel"}
_TIME_FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_VARIABLE = re.compile(r"[A-Za-z0-9_]+=.*", re.DOTALL)
_PATTERN = re.compile(r"!?[A-Za-z0-9_.:%*?\[\]-]+")
_PERMIT = re.compile(r"(?:(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.*-]+):)?(?P<port>\d{1,5}|\*|[a-z][a-z0-9-]*)")
_TUNNEL = re.compile(r"any|\d{1,9}")


class OptionInvalid(ValueError):
    """An option that sshd would refuse, and its line with it; says why, in one sentence."""


def split_options(line: str) -> tuple[tuple[str, ...], str] | None:
    """Split off the options up to the first blank outside quotes; None if a quote stays open, or nothing follows."""
    options: list[str] = []
    start = position = 0
    quoted = False
    while position < len(line) and (quoted or line[position] not in " \t"):
        if line[position] == "\\" and line[position + 1 : position + 2] == '"':
            position += 1
        elif line[position] == '"':
            quoted = not quoted
        elif line[position] == "," and not quoted:
            options.append(line[start:position])
            start = position + 1
        position += 1
    if quoted or position >= len(line):
        return None
    # sshd does not mind commas that separate nothing.
    return tuple(filter(None, (*options, line[start:position]))), line[position:]


def are_options(options: Sequence[str]) -> bool:
    """Whether sshd takes the options, and their line with them, whomever that lets in."""
    names = [option.partition("=")[0].lower() for option in options]
    return all(map(_is_option, options)) and all(names.count(name) < 2 for name in _ONCE)


def _is_option(option: str) -> bool:
    name, equals, value = option.partition("=")
    if not equals:
        return name.lower() in _FLAGS
    inner = _unquoted(value)
    return name.lower() in _VALUES and inner is not None and not _FORMS.get(name.lower(), _no_problem)(inner)


def value_of(option: str) -> str:
    """What stands between the quotes of an option's value; empty where it has none."""
    return _unquoted(option.partition("=")[2]) or ""


def check_option(option: str) -> str:
    """Give `option` back as sshd will read it; a value without quotes gets them.

    Raises:
        OptionInvalid: sshd would refuse the whole line for it, or never let the key in.
    """
    name, equals, value = option.strip(" \t").partition("=")
    lower = name.lower()
    shown = printable(option, 80)
    if not is_clean(option):
        raise OptionInvalid(f"the option {shown!r} holds characters that sshd does not read as they look")
    if lower in _FLAGS:
        if equals:
            raise OptionInvalid(f"the option {name} takes no value")
        return name
    if lower not in _VALUES:
        raise OptionInvalid(f"sshd knows no option {shown!r}, and would refuse the whole line")
    if equals and '"' not in value:
        value = f'"{value}"'
    inner = _unquoted(value) if equals else None
    if inner is None:
        raise OptionInvalid(f'the option {name} needs a value in quotes: {name}="..."')
    problem = _of_from(inner) if lower == "from" else _FORMS.get(lower, _no_problem)(inner)
    if problem:
        raise OptionInvalid(f"{shown}: {problem}")
    return f"{name}={value}"


def check_options(options: tuple[str, ...]) -> tuple[str, ...]:
    """All options of one line.

    Raises:
        OptionInvalid: one of them is wrong, or stands there twice where sshd takes one.
    """
    checked = tuple(check_option(option) for option in options)
    names = [option.partition("=")[0].lower() for option in checked]
    for name in _ONCE:
        if names.count(name) > 1:
            raise OptionInvalid(f"sshd takes the option {name} once only")
    if "principals" in names and "cert-authority" not in names:
        raise OptionInvalid("principals goes with cert-authority; sshd would never let this key in")
    return checked


def _unquoted(value: str) -> str | None:
    """The value of ``"..."``, in which only a quote is escaped; None if it is not of that form (opt_dequote)."""
    if len(value) < 2 or value[0] != '"':
        return None
    position = 1
    while position < len(value) and value[position] != '"':
        position += 2 if value[position : position + 2] == '\\"' else 1
    return value[1:position].replace('\\"', '"') if position == len(value) - 1 else None


def _no_problem(_value: str) -> str:
    return ""


def _of_from(value: str) -> str:
    """A pattern list of names and addresses (ssh_config(5), PATTERNS; addr_match_list)."""
    patterns = value.split(",")
    for pattern in patterns:
        if "/" in pattern:
            if not pattern.rpartition("/")[2].isdigit():
                return f"{printable(pattern, 60)!r}: sshd wants the length of the prefix behind the slash"
            try:
                ipaddress.ip_network(pattern.removeprefix("!"))
            except ValueError as error:
                return str(error)
        elif _PATTERN.fullmatch(pattern) is None:
            return f"{printable(pattern, 60)!r} is neither an address nor a pattern of names"
    if all(pattern.startswith("!") for pattern in patterns):
        return "nothing but exclusions: sshd would let nobody in"
    return ""


def _of_permit(value: str) -> str:
    found = _PERMIT.fullmatch(value)
    if found is None or (found["port"].isdigit() and not 0 < int(found["port"]) < 65536):
        return "it is HOST:PORT, and * may stand for either"
    return ""


def time_of(text: str) -> datetime | None:
    """A time of the option expiry-time; without a Z it is the machine's local one, taken for UTC here. None if none."""
    digits = text.removesuffix("UTC") if text.endswith("UTC") else text.removesuffix("Z")
    try:
        return datetime.strptime(digits, _TIME_FORMS[len(digits)]).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None


def _of_time(value: str) -> str:
    return "" if time_of(value) else "a time is YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC"


def _form(pattern: re.Pattern[str], words: str) -> Callable[[str], str]:
    return lambda value: "" if pattern.fullmatch(value) else words


#: Where sshd refuses the whole line for what the value says.
_FORMS: dict[str, Callable[[str], str]] = {
    "expiry-time": _of_time,
    "environment": _form(_VARIABLE, "a variable is NAME=VALUE"),
    "permitopen": _of_permit,
    "permitlisten": _of_permit,
    "tunnel": _form(_TUNNEL, "it is a number, or any"),
}
