"""The values of the names in a runbook while it runs, and texts and programs filled with them. No I/O."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..authorized_keys.key_file import printf_format
from ..errors import UsageError
from ..printable import printable
from ..secrets.marks import REDACTED
from ..secrets.secret import Secret
from .conditions import Condition
from .load import Loaded
from .names import BUILT_IN, PROGRAM_NAME
from .search import matches
from .template import NameNotSet, fill_known, parse_template

__all__ = ["Scope", "with_time_limit"]

#: The environment of a login over the network. The receiver's shell has an empty one, and variables of its own.
_ENVIRONMENT = (
    "unset l n o r x;export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C TERM=dumb;"
)
#: Characters that an endpoint may interpret, or csh as history if the receiver has ended.
_ESCAPED = {ord(char): f"\\{ord(char):03o}" for char in "!~&"}
_FALSE = ("", "false", "no", "0")
#: Kills a process and all its descendants. It is stopped first, so that a shell does not run its next command.
#: (The receiver's own watchdog kills only its shell, and then waits for processes that hold the output open.)
_KILL_TREE = "sos_e(){ kill -STOP $1;for c in $(cat /proc/$1/task/*/children);do sos_e $c;done;kill -9 $1;}"


@dataclass
class Scope:
    """The names of one runbook. An included runbook has a scope of its own.

    Fields:
        loaded: the runbook.
        parameters: the values of its parameters.
        known: the values of the built-in names, and of the names that steps have stored.
    """

    loaded: Loaded
    parameters: Mapping[str, str | Secret]
    known: dict[str, Any] = field(default_factory=dict)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secret parameters."""
        return tuple(one for one in self.parameters.values() if isinstance(one, Secret))

    @property
    def shown(self) -> dict[str, str]:
        """The parameters for a record: printable, without secrets."""
        return {
            name: REDACTED if isinstance(one, Secret) else printable(one, 400) for name, one in self.parameters.items()
        }

    def fill(self, text: str, *, pattern: bool = False) -> str:
        """Return a template with the values filled in.

        Args:
            text: the template.
            pattern: whether it is a regular expression, in which a value matches only itself.

        Raises:
            UsageError: a name has no value.
        """
        values = {name: one for name, one in self.parameters.items() if not isinstance(one, Secret)}
        try:
            return parse_template(text).fill({**values, **self.known}, re.escape if pattern else str)
        except NameNotSet as error:
            name = error.args[0]
            raise UsageError(
                f"{name!r} has no value, because the step that stores it did not run",
                hint=f"Write {{{{ {name} | default:TEXT }}}} to use TEXT in that case.",
            ) from None

    def fill_known(self, text: str) -> str:
        """Return a template with the values that are known and may be shown; other placeholders stay as they are."""
        values = {**self.parameters, **self.known}
        shown = {name: one for name, one in values.items() if one != "" or name not in BUILT_IN}
        return fill_known(text, {name: one for name, one in shown.items() if not _is_secret(one)})

    def secret(self, text: str) -> Secret | None:
        """Return the secret whose name is the only one in the template `text`, if there is one."""
        names = parse_template(text).names
        value = self._value(names[0]) if len(names) == 1 else None
        return value if isinstance(value, Secret) else None

    def _value(self, name: str) -> Any:
        """Return the value of a name in a program; None if it has none."""
        value: Any = self.known.get(name, self.parameters.get(name))
        base, _, part = name.rpartition("_")
        stored = self.known.get(base)
        if value is None and part == "status" and isinstance(stored, Mapping):
            value = stored.get("status")
        return value.get("output", "") if isinstance(value, Mapping) else value

    def holds(self, condition: Condition) -> bool:
        """Whether `condition` is true."""
        value = self.fill(condition.that)
        if condition.equals is not None:
            result = value == self.fill(condition.equals)
        elif condition.contains is not None:
            result = self.fill(condition.contains) in value
        elif condition.matches is not None:
            result = matches(self.fill(condition.matches, pattern=True), value)
        else:
            result = value.strip().lower() not in _FALSE
        return result != condition.negate

    def program(self, text: str) -> tuple[str, tuple[Secret, ...]]:
        """Return a program as one line for the verified shell, and the secrets in it.

        The line sets the environment and the variables that the program uses, then evaluates the program.
        """
        assignments: list[str] = []
        secrets: list[Secret] = []
        for name in dict.fromkeys(PROGRAM_NAME.findall(text)):
            value = self._value(name)
            if isinstance(value, Secret):
                secrets.append(value)
                value = value.reveal()
            if value is not None:
                assignments.append(_assignment(name, str(value)))
        return f"{_ENVIRONMENT}{''.join(assignments)}eval {_word(text.strip())}", tuple(secrets)


def _is_secret(value: Any) -> bool:
    return isinstance(value.get("output") if isinstance(value, Mapping) else value, Secret)


def with_time_limit(program: str, seconds: int) -> str:
    """Return `program` so that the machine kills it and its children after `seconds`, with exit status 137."""
    watchdog = f"(trap 'kill $!;exit' 15;sleep {seconds}& wait $!&&sos_e $sos_p)>/dev/null 2>&1&"
    # The shell's messages about killed processes are not part of the program's output.
    end = "{ wait $sos_p;sos_r=$?;kill $!;} 2>/dev/null;exit $sos_r"
    return f"({program})& sos_p=$!;{_KILL_TREE};{watchdog} {end}"


def _assignment(name: str, value: str) -> str:
    if not value.endswith("\n"):
        return f"{name}={_word(value)};"
    # A command substitution drops trailing newlines: a dot after them keeps them.
    return f"{name}={_word(value + '.')};{name}=${{{name}%.}};"


def _word(text: str) -> str:
    """Return a shell word for any text, in printable ASCII."""
    if text.isascii() and text.isprintable() and not any(ord(char) in _ESCAPED for char in text):
        return shlex.quote(text)
    form = printf_format(text).translate(_ESCAPED)
    if text.startswith("-"):  # otherwise printf treats it as an option
        form = form.replace("-", "\\055", 1)
    return f'"$(printf {form})"'
