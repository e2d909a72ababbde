"""The options of a key line, by the grammar of sshd (sshd(8); auth-options.c, sshauthopt_parse)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..printable import is_clean, printable
from .from_patterns import nobody_because, useless_patterns
from .option_values import check_environment, check_listen, check_open, check_time, check_tunnel

__all__ = [
    "PERMISSIONS",
    "OptionInvalid",
    "are_options",
    "check_option",
    "check_options",
    "option_warnings",
    "permissions",
    "split_options",
    "value_of",
]

#: What a key permits unless an option forbids it. `no-` in front of an option forbids it.
PERMISSIONS = ("agent-forwarding", "port-forwarding", "pty", "user-rc", "x11-forwarding")
_NEGATED = frozenset({*PERMISSIONS, "touch-required", "verify-required"})
_FLAGS = frozenset({"cert-authority", "restrict", *_NEGATED, *(f"no-{name}" for name in _NEGATED)})
#: Options that sshd accepts only once per line.
_ONCE = frozenset({"command", "from", "principals"})
_VALUES = _ONCE | {"environment", "expiry-time", "permitlisten", "permitopen", "tunnel"}
#: How often sshd accepts an option (auth-options.h), if not without limit.
_AT_MOST = {**dict.fromkeys(_ONCE, 1), "environment": 1025, "permitlisten": 4097, "permitopen": 4097}


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
    return all(map(_is_option, options)) and all(names.count(name) <= most for name, most in _AT_MOST.items())


def permissions(options: Sequence[str]) -> frozenset[str]:
    """Return what a key with these options permits, of `PERMISSIONS`; later options override earlier ones."""
    permitted = set(PERMISSIONS)
    for option in options:
        name = option.lower()
        if name == "restrict":
            permitted.clear()
        elif name in PERMISSIONS:
            permitted.add(name)
        else:
            permitted.discard(name.removeprefix("no-"))
    return frozenset(permitted)


def option_warnings(options: Sequence[str]) -> tuple[str, ...]:
    """Return sentences about parts of options that have no effect."""
    values = [value_of(option) for option in options if option.lower().startswith("from=")]
    return tuple(f"{problem}; it matches no client" for value in values for problem in useless_patterns(value).values())


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
    problem = nobody_because(inner) if lower == "from" else _CHECKS.get(lower, _no_problem)(inner)
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
    for name, most in _AT_MOST.items():
        if names.count(name) > most:
            times = "only once" if most == 1 else f"at most {most} times"
            raise OptionInvalid(f"sshd accepts the option {name} {times}")
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


#: Options for whose values sshd refuses the whole line, and their checks. Each returns the problem with a value in one
#: sentence, or an empty string.
_CHECKS: dict[str, Callable[[str], str]] = {
    "expiry-time": check_time,
    "environment": check_environment,
    "permitopen": check_open,
    "permitlisten": check_listen,
    "tunnel": check_tunnel,
}
