"""Check a runbook on this computer: its format, the syntax of its programs, and the files that its steps need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import SosError, UsageError
from ..paths import StrPath
from ..shell.local_file import Source, check_local_target
from ..shell.transfer import remote_word
from .actions import Confirm
from .load import Loaded, load_runbook, local_path
from .names import SECTIONS
from .plan import numbered
from .shell_steps import is_fingerprint, read_keys
from .shell_syntax import syntax_mistake
from .text import Document
from .text import Path as DocumentPath

__all__ = ["check_runbook", "questions"]

Mistakes = Iterator[tuple[DocumentPath, str]]


def check_runbook(name: StrPath) -> Loaded:
    """Load a runbook and everything that it includes, and check what can be checked without a machine.

    Args:
        name: a file, or the name of a shipped runbook.

    Raises:
        UsageError: the runbook does not exist or cannot be read.
        ConfigInvalid: a runbook has mistakes; `mistakes` lists all of them, with file, line and column.
    """
    return load_runbook(name, examine=_examine)


def questions(loaded: Loaded) -> int:
    """Return how many questions a runbook may ask."""
    return sum(isinstance(step.options, Confirm) for _, step in numbered(loaded))


def _examine(document: Document, folder: Path | None) -> Mistakes:
    """Yield the mistakes in the steps of a document, whose format may be invalid."""
    if not isinstance(document.value, dict):
        return
    downloaded: set[str] = set()
    for key in SECTIONS:
        steps = document.value.get(key)
        for at, step in enumerate(steps if isinstance(steps, list) else ()):
            if isinstance(step, dict):
                yield from _programs(document, step, (key, at))
                yield from _files(step, (key, at), folder, downloaded)


def _programs(document: Document, step: dict[str, Any], path: DocumentPath) -> Mistakes:
    for place, program in _texts(step, path, "run", "program", short=True):
        blank = len(program) - len(program.lstrip())
        mistake = syntax_mistake(program.strip())
        if mistake is None:
            continue
        last = program.strip().count("\n")
        line = program[:blank].count("\n") + min(mistake.line, last)
        exact = document.has_line(place, line)
        where = f" on line {line + 1} of the program" if line and not exact else ""
        yield (*place, line if exact else 0), f"sh: syntax error{where}: {mistake.message}"


def _files(step: dict[str, Any], path: DocumentPath, folder: Path | None, downloaded: set[str]) -> Mistakes:
    """Yield the mistakes in the names of files. Names that depend on a value are known only during a run.

    Args:
        step: as it is in the file.
        path: of the step.
        folder: in which relative paths of the runbook start.
        downloaded: the names of the files that the steps before have made; it grows.
    """

    def check_source(text: str) -> None:
        if Path(text).name not in downloaded:
            Source(local_path(text, folder)).close()

    def check_target(text: str) -> None:
        target = local_path(text, None)
        downloaded.add(target.name)
        if target.is_absolute():  # others start in the caller's folder
            check_local_target(target)

    def check_keys(text: str) -> None:
        if not is_fingerprint(text.strip()):
            read_keys(text.strip(), lambda name: local_path(name, folder))

    checks: tuple[tuple[str, str, bool, Callable[[str], object]], ...] = (
        ("upload", "from", False, check_source),
        ("upload", "to", False, remote_word),
        ("download", "from", False, remote_word),
        ("download", "to", False, check_target),
        ("add_key", "key", True, check_keys),
        ("remove_key", "key", True, check_keys),
    )
    for action, field, short, check in checks:
        for place, text in _texts(step, path, action, field, short=short):
            if "{{" in text:
                continue
            try:
                check(text)
            except UsageError as error:
                yield place, _one_line(error)


def _texts(
    step: dict[str, Any], path: DocumentPath, action: str, field: str, *, short: bool
) -> Iterator[tuple[DocumentPath, str]]:
    """Yield the text of a field of an action, if it is there, and its path."""
    value, place = step.get(action), (*path, action)
    if isinstance(value, dict):
        value, place = value.get(field), (*place, field)
    elif not short:
        return
    if isinstance(value, str) and value.strip():
        yield place, value


def _one_line(error: SosError) -> str:
    return " ".join(map(str.strip, error.message.splitlines()))
