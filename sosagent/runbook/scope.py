"""What the names in a runbook stand for while it runs, and texts filled with it. No I/O."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..authorized_keys.programs import printf_form
from ..errors import UsageError
from ..printable import printable
from ..secrets.secret import Secret
from .load import Loaded
from .model import Condition
from .names import PROGRAM_NAME
from .search import found_in
from .template import Unknown, parse_template

__all__ = ["Scope", "limited"]

#: A login over a network has these; the receiver's shell begins with none, but with variables of its own.
_ENVIRONMENT = (
    "unset l n o r x;export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C TERM=dumb;"
)
#: What an endpoint may take for itself, or csh for its history, if the receiver is gone.
_NOT_AS_IT_IS = {ord(char): f"\\{ord(char):03o}" for char in "!~&"}
_NO = ("", "false", "no", "0")
#: Ends a process and all that it has started; it stands still meanwhile, or a shell would go on with its next command.
#: (The receiver's own watchdog ends its shell alone, and then waits for whoever still holds the output.)
_END = "sos_e(){ kill -STOP $1;for c in $(cat /proc/$1/task/*/children);do sos_e $c;done;kill -9 $1;}"


@dataclass
class Scope:
    """The names of one runbook; those that it includes have scopes of their own.

    Fields:
        loaded: the runbook.
        parameters: their values.
        known: what the run knows (host, hostname, ...) and what steps stored.
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
        """The parameters as a record shows them."""
        return {
            name: "(a secret)" if isinstance(one, Secret) else printable(one, 400)
            for name, one in self.parameters.items()
        }

    def fill(self, text: str, *, pattern: bool = False) -> str:
        """`text` with values in its holes; in a `pattern`, they stand for themselves.

        Raises:
            UsageError: a name has no value.
        """
        values = {name: one for name, one in self.parameters.items() if not isinstance(one, Secret)}
        try:
            return parse_template(text).fill({**values, **self.known}, re.escape if pattern else str)
        except Unknown as error:
            raise UsageError(
                f"{error.args[0]!r} has no value: the step that stores it was not done",
                hint=f"{{{{ {error.args[0]} | default:TEXT }}}} stands for TEXT then.",
            ) from None

    def secret(self, text: str) -> Secret | None:
        """The secret that `text` is a hole for, if it is."""
        names = parse_template(text).names
        value = self._value(names[0]) if len(names) == 1 else None
        return value if isinstance(value, Secret) else None

    def _value(self, name: str) -> Any:
        """What a name stands for in a program; None if nobody gave it a value."""
        value: Any = self.known.get(name, self.parameters.get(name))
        base, _, part = name.rpartition("_")
        stored = self.known.get(base)
        if value is None and part == "status" and isinstance(stored, Mapping):
            value = stored.get("status")
        return value.get("output", "") if isinstance(value, Mapping) else value

    def holds(self, condition: Condition) -> bool:
        """Whether it is so."""
        value = self.fill(condition.that)
        if condition.equals is not None:
            right = value == self.fill(condition.equals)
        elif condition.contains is not None:
            right = self.fill(condition.contains) in value
        elif condition.matches is not None:
            right = found_in(self.fill(condition.matches, pattern=True), value)
        else:
            right = value.strip().lower() not in _NO
        return right != condition.negate

    def program(self, text: str) -> tuple[str, tuple[Secret, ...]]:
        """A program as one line for the verified shell, with the values that it names; and the secrets in it."""
        assigned: list[str] = []
        secrets: list[Secret] = []
        for name in dict.fromkeys(PROGRAM_NAME.findall(text)):
            value = self._value(name)
            if isinstance(value, Secret):
                secrets.append(value)
                value = value.reveal()
            if value is not None:
                assigned.append(_assignment(name, str(value)))
        return f"{_ENVIRONMENT}{''.join(assigned)}eval {_word(text.strip())}", tuple(secrets)


def limited(program: str, seconds: int) -> str:
    """`program` for the verified shell, ended with all that it started when its time is up: exit status 137."""
    watched = f"(trap 'kill $!;exit' 15;sleep {seconds}& wait $!&&sos_e $sos_p)>/dev/null 2>&1&"
    # The shell's own words about processes that were killed are not the program's.
    end = "{ wait $sos_p;sos_r=$?;kill $!;} 2>/dev/null;exit $sos_r"
    return f"({program})& sos_p=$!;{_END};{watched} {end}"


def _assignment(name: str, value: str) -> str:
    if not value.endswith("\n"):
        return f"{name}={_word(value)};"
    # A substitution drops newlines at the end: a dot keeps them.
    return f"{name}={_word(value + '.')};{name}=${{{name}%.}};"


def _word(text: str) -> str:
    """A word of the shell that is `text`, whatever it holds, written in printable ASCII."""
    if text.isascii() and text.isprintable() and not any(ord(char) in _NOT_AS_IT_IS for char in text):
        return shlex.quote(text)
    form = printf_form(text).translate(_NOT_AS_IT_IS)
    if text.startswith("-"):  # else printf takes it for its options
        form = form.replace("-", "\\055", 1)
    return f'"$(printf {form})"'
