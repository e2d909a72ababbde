"""The result of an import, which is the same for every format."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

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
    """

    machines: dict[str, str] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, values: dict[str, Any]) -> None:
        """Add a machine, or the reason why it is skipped. If several have the same name, the first is used."""
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
