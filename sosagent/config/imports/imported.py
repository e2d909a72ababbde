"""What an import gives, whatever it is from."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ..machines import Machine, is_name
from ..toml_text import table

__all__ = ["NOT_FOLLOWED", "Imported", "split"]

NOT_FOLLOWED = "{} is not followed: import those files, too"


@dataclass
class Imported:
    """What a file gave.

    Fields:
        machines: by name, as tables of TOML.
        skipped: what was left out, and why.
        notes: what else should be known.
    """

    machines: dict[str, str] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, values: dict[str, Any]) -> None:
        """Take a machine in, or say why not."""
        if not is_name(name):
            self.skipped.append((name, "that is no name of a machine: letters, digits, dot, dash and underscore"))
            return
        try:
            Machine.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            words = str(first["msg"]).removeprefix("Value error, ")
            self.skipped.append((name, f"{first['loc'][0]}: {words}"))
            return
        if name not in self.machines:
            self.machines[name] = table(("machines", name), values)


def split(text: str) -> list[str]:
    """The words of a line, as a shell would split it."""
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # a quote without its end
        return text.split()
