"""The result of an import, which is the same for every format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from ...endpoint.parse import parse_target
from ...endpoint.target import ExecTarget
from ..machine import Machine, is_name
from ..toml_text import table

__all__ = ["Imported", "Skipped"]


@dataclass(frozen=True)
class Skipped:
    """A name that was not imported.

    Fields:
        name: the name in the file.
        reason: why it was not imported.
        where: file and line.
    """

    name: str
    reason: str
    where: str


@dataclass
class Imported:
    """The machines of a file.

    Fields:
        file: the file's name for messages.
        machines: the machines by name, each as a TOML table.
        skipped: names that were not imported.
        notes: what else the user should know, with file and line where it concerns one.
        commands: names of machines whose console is a program that the file names, each with the command. It would run
            on this computer.
    """

    file: str = "the file"
    machines: dict[str, str] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    commands: dict[str, str] = field(default_factory=dict)

    def add(
        self,
        name: str,
        values: dict[str, Any],
        line: int,
        *,
        file: str | None = None,
        original: str | None = None,
        own_command: bool = False,
    ) -> None:
        """Add a machine, or the reason why it is skipped. If several have the same name, the first is used.

        Args:
            name: its name.
            values: the fields of its entry.
            line: the line that names it.
            file: the file of that line, if it is not the imported one.
            original: the name in the file, if it is another one.
            own_command: whether a command in them was built here, so that the file does not choose the program.
        """
        if not is_name(name):
            reason = "not a valid name: only letters, digits, dots, dashes and underscores are allowed, 64 at most"
            self.skip(original or name, reason, line, file=file)
            return
        try:
            Machine.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            message = str(first["msg"]).removeprefix("Value error, ")
            self.skip(original or name, f"{first['loc'][0]}: {message}", line, file=file)
            return
        text = table(("machines", name), values)
        if self.machines.setdefault(name, text) != text:
            self.skip(original or name, "the name is used before, for another machine", line, file=file)
            return
        console = str(values.get("console", ""))
        if not own_command and isinstance(parse_target(console), ExecTarget):
            self.commands[name] = console

    def skip(self, name: str, reason: str, line: int, *, file: str | None = None) -> None:
        """Record that a machine was not imported; for the arguments see `add`."""
        self.skipped.append(Skipped(name, reason, self._where(line, file)))

    def note(self, text: str, line: int, *, file: str | None = None) -> None:
        """Record a remark about a line."""
        self.notes.append(f"{self._where(line, file)}: {text}")

    def _where(self, line: int, file: str | None) -> str:
        return f"{file or self.file}:{line}"
