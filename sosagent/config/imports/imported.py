"""The result of an import, which is the same for every format."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ...endpoint.parse import parse_target
from ...endpoint.target import ExecTarget
from ..machine import Machine, is_name
from ..toml_text import table

__all__ = ["NOT_FOLLOWED", "Imported", "split_words"]

NOT_FOLLOWED = "{} is not followed; import those files too"


@dataclass
class Imported:
    """The machines of a file.

    Fields:
        machines: the machines by name, each as a TOML table.
        skipped: names that were not imported, each with the reason.
        notes: what else the user should know.
        commands: names of machines whose console is a program that the file names, each with the command. It would run
            on this computer.
    """

    machines: dict[str, str] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    commands: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, values: dict[str, Any], *, own_command: bool = False) -> None:
        """Add a machine, or the reason why it is skipped. If several have the same name, the first is used.

        Args:
            name: its name.
            values: the fields of its entry.
            own_command: whether a command in them was built here, so that the file does not choose the program.
        """
        if not is_name(name):
            self.skip(name, "not a valid name: only letters, digits, dots, dashes and underscores are allowed")
            return
        try:
            Machine.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            message = str(first["msg"]).removeprefix("Value error, ")
            self.skip(name, f"{first['loc'][0]}: {message}")
            return
        console = str(values.get("console", ""))
        if name not in self.machines and not own_command and isinstance(parse_target(console), ExecTarget):
            self.commands[name] = console
        self.machines.setdefault(name, table(("machines", name), values))

    def skip(self, name: str, reason: str) -> None:
        """Record that a machine was not imported."""
        self.skipped.append((name, reason))


def split_words(text: str) -> list[str]:
    """Split a line into words, as a shell would."""
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # a quote that is not closed
        return text.split()
