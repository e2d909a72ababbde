"""The options of a key line, by the grammar of sshd (sshd(8); auth-options.c, sshauthopt_parse)."""

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
#: Options that sshd accepts only once per line.
_ONCE = frozenset({"command", "from", "principals"})
_VALUES = _ONCE | {"environment", "expiry-time", "permitlisten", "permitopen", "tunnel"}
_TIME_FORMS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
_VARIABLE = re.compile(r"[A-Za-z0-9_]+=.*", re.DOTALL)
_PATTERN = re.compile(r"!?[A-Za-z0-9_.:%*?\[\]-]+")
_PERMIT = re.compile(r"(?:(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.*-]+):)?(?P<port>\d{1,5}|\*|[a-z][a-z0-9-]*)")
_TUNNEL = re.compile(r"any|\d{1,9}")


class OptionInvalid(ValueError):
    """An option for which sshd would refuse the whole line; the message is one sentence that says why."""


def split_options(line: str) -> tuple[tuple[str, ...], str] | None:
    """Split a line at its first blank outside quotes, into the options and the rest.

    Returns:
        The options and the rest, or None if a quote is not closed or nothing follows the options.
    """
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
    # sshd ignores commas that separate nothing.
    return tuple(filter(None, (*options, line[start:position]))), line[position:]


def are_options(options: Sequence[str]) -> bool:
    """Whether sshd accepts a line with these options, regardless of whom they admit."""
    names = [option.partition("=")[0].lower() for option in options]
    return all(map(_is_option, options)) and all(names.count(name) < 2 for name in _ONCE)


def _is_option(option: str) -> bool:
    name, equals, value = option.partition("=")
    if not equals:
        return name.lower() in _FLAGS
    inner = _unquoted(value)
    return name.lower() in _VALUES and inner is not None and not _CHECKS.get(name.lower(), _no_problem)(inner)


def value_of(option: str) -> str:
    """Return an option's value without its quotes; an empty string if it has none."""
    return _unquoted(option.partition("=")[2]) or ""


def check_option(option: str) -> str:
    """Return `option` as sshd reads it, with quotes added to an unquoted value.

    Raises:
        OptionInvalid: sshd would refuse the whole line because of it, or never accept the key.
    """
    name, equals, value = option.strip(" \t").partition("=")
    lower = name.lower()
    shown = printable(option, 80)
    if not is_clean(option):
        raise OptionInvalid(f"the option {shown!r} contains invisible or control characters")
    if lower in _FLAGS:
        if equals:
            raise OptionInvalid(f"the option {name} takes no value")
        return name
    if lower not in _VALUES:
        raise OptionInvalid(f"unknown option {shown!r}; sshd would refuse the whole line")
    if equals and '"' not in value:
        value = f'"{value}"'
    inner = _unquoted(value) if equals else None
    if inner is None:
        raise OptionInvalid(f'the option {name} needs a value in quotes: {name}="..."')
    problem = _check_from(inner) if lower == "from" else _CHECKS.get(lower, _no_problem)(inner)
    if problem:
        raise OptionInvalid(f"{shown}: {problem}")
    return f"{name}={value}"


def check_options(options: tuple[str, ...]) -> tuple[str, ...]:
    """Check all options of one line, and return each as `check_option` does.

    Raises:
        OptionInvalid: one of them is invalid, or repeated where sshd accepts it only once.
    """
    checked = tuple(check_option(option) for option in options)
    names = [option.partition("=")[0].lower() for option in checked]
    for name in _ONCE:
        if names.count(name) > 1:
            raise OptionInvalid(f"sshd accepts the option {name} only once")
    if "principals" in names and "cert-authority" not in names:
        raise OptionInvalid("principals needs cert-authority; without it sshd never accepts the key")
    return checked


def _unquoted(value: str) -> str | None:
    """Return the text inside ``"..."``, where only a quote can be escaped; None for another form (opt_dequote)."""
    if len(value) < 2 or value[0] != '"':
        return None
    position = 1
    while position < len(value) and value[position] != '"':
        position += 2 if value[position : position + 2] == '\\"' else 1
    return value[1:position].replace('\\"', '"') if position == len(value) - 1 else None


def _no_problem(_value: str) -> str:
    return ""


# Each check returns the problem with a value in one sentence, or an empty string.


def _check_from(value: str) -> str:
    """Check a pattern list of names and addresses (ssh_config(5), PATTERNS; addr_match_list)."""
    patterns = value.split(",")
    for pattern in patterns:
        if "/" in pattern:
            if not pattern.rpartition("/")[2].isdigit():
                return f"{printable(pattern, 60)!r}: sshd requires the prefix length after the slash"
            try:
                ipaddress.ip_network(pattern.removeprefix("!"))
            except ValueError as error:
                return str(error)
        elif _PATTERN.fullmatch(pattern) is None:
            return f"{printable(pattern, 60)!r} is neither an address nor a pattern of host names"
    if all(pattern.startswith("!") for pattern in patterns):
        return "a list of exclusions only: sshd would refuse every client"
    return ""


def _check_permit(value: str) -> str:
    match = _PERMIT.fullmatch(value)
    if match is None or (match["port"].isdigit() and not 0 < int(match["port"]) < 65536):
        return "the value has the form HOST:PORT; either may be *"
    return ""


def time_of(text: str) -> datetime | None:
    """Parse a value of the option expiry-time.

    A value without Z is in the machine's local time, which is treated as UTC here.

    Returns:
        The time, or None if `text` is not a time.
    """
    digits = text.removesuffix("UTC") if text.endswith("UTC") else text.removesuffix("Z")
    try:
        return datetime.strptime(digits, _TIME_FORMS[len(digits)]).replace(tzinfo=UTC)
    except (KeyError, ValueError):
        return None


def _check_time(value: str) -> str:
    return "" if time_of(value) else "a time has the form YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, with Z for UTC"


def _check_form(pattern: re.Pattern[str], problem: str) -> Callable[[str], str]:
    return lambda value: "" if pattern.fullmatch(value) else problem


#: Options for whose values sshd refuses the whole line, and their checks.
_CHECKS: dict[str, Callable[[str], str]] = {
    "expiry-time": _check_time,
    "environment": _check_form(_VARIABLE, "a variable has the form NAME=VALUE"),
    "permitopen": _check_permit,
    "permitlisten": _check_permit,
    "tunnel": _check_form(_TUNNEL, "the value is a number, or any"),
}
