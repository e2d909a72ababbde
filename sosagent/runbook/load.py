"""Load runbooks from files or from the shipped ones, with all runbooks that they include."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from ..errors import ConfigInvalid, UsageError
from ..paths import StrPath, as_path
from ..printable import printable
from .actions import Include
from .check import invalid, read_runbook
from .model import Runbook
from .names import SECTIONS, secret_names
from .template import parse_template
from .text import MOST_BYTES, Document
from .text import Path as DocumentPath
from .values import check_value
from .words import excerpt, suggestion, unknown

__all__ = ["Examine", "Loaded", "load_runbook", "local_path", "shipped"]

#: Returns more mistakes in a parsed file. Its second argument is the folder in which relative paths start.
Examine = Callable[[Document, Path | None], Iterable[tuple[DocumentPath, str]]]

_MOST_NESTED = 8


@dataclass(frozen=True)
class Loaded:
    """A checked runbook and the runbooks that it includes.

    Fields:
        runbook: the runbook.
        name: the name it was loaded by: a shipped runbook's, or a path.
        folder: the base of its relative paths; None for a shipped runbook.
        text: the text of the file.
        included: the included runbooks, by the names in the `include` steps.
    """

    runbook: Runbook
    name: str
    folder: Path | None
    text: str
    included: Mapping[str, Loaded] = field(default_factory=dict)

    def path(self, text: str) -> Path:
        """Return a path from the runbook. A relative path is resolved against the runbook's folder."""
        return local_path(text, self.folder)


def shipped() -> dict[str, str]:
    """Return the texts of the runbooks that come with sosagent, by name."""
    folder = files(__package__).joinpath("library")
    entries = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".yml")}
    return {name.removesuffix(".yml"): entries[name].read_text("utf-8") for name in sorted(entries)}


def load_runbook(name: StrPath, beside: StrPath | None = None, *, examine: Examine | None = None) -> Loaded:
    """Load and check a runbook and everything that it includes.

    Args:
        name: a file; or a shipped runbook, if no such file exists.
        beside: the folder in which a relative path starts; the working directory by default.
        examine: a further check of each file.

    Raises:
        UsageError: the runbook does not exist or cannot be read.
        ConfigInvalid: a runbook has mistakes; `mistakes` lists all of them, with file, line and column.
    """
    return _load(os.fspath(name), as_path(beside), (), examine)


def _load(name: str, beside: Path | None, including: tuple[str, ...], examine: Examine | None) -> Loaded:
    path = local_path(name, beside)
    if "/" not in name and name in shipped() and not path.exists():
        text, folder, identity = shipped()[name], None, name
    else:
        text, folder, identity = _read(path, name), path.parent, str(path.resolve())
    if identity in including:
        raise ConfigInvalid(f"{printable(name, 200)} includes itself")
    if len(including) >= _MOST_NESTED:
        raise ConfigInvalid(f"{printable(name, 200)}: includes are nested more than {_MOST_NESTED} levels deep")
    runbook, document = read_runbook(text, name, None if examine is None else lambda one: examine(one, folder))
    mistakes = [] if examine is None else [*examine(document, folder)]
    included: dict[str, Loaded] = {}
    secrets = secret_names(runbook.parameters, tuple(step for key in SECTIONS for step in runbook.section(key)))
    for key in SECTIONS:
        for at, step in enumerate(runbook.section(key)):
            if not isinstance(step.options, Include):
                continue
            place = (key, at, "include")
            options = step.options
            try:
                other = included.get(options.runbook) or _load(options.runbook, folder, (*including, identity), examine)
            except ConfigInvalid as error:
                mistakes += [(place, f"in the included runbook: {one}") for one in error.mistakes or (error.message,)]
                continue
            except UsageError as error:
                mistakes.append(((*place, "runbook"), error.message))
                continue
            included[options.runbook] = other
            mistakes += [((*place, *path), message) for path, message in _check(options, other.runbook, secrets)]
    if mistakes:
        raise invalid(document, mistakes)
    return Loaded(runbook, name, folder, text, included)


def local_path(text: str, folder: Path | None) -> Path:
    """Return `text` as a path, relative to `folder`, with ~ expanded.

    Raises:
        UsageError: it is not a valid path.
    """
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise UsageError(f"{printable(text, 200)}: there is no such user's home directory") from None
    if "\0" in text:
        raise UsageError(f"{printable(text, 200)} is not a valid path: it contains a NUL character")
    return path if folder is None else folder / path


def _check(options: Include, other: Runbook, secrets: set[str]) -> list[tuple[DocumentPath, str]]:
    """Return the mistakes in the parameters that are passed to an included runbook."""
    mistakes: list[tuple[DocumentPath, str]] = []
    for name, value in options.parameters.items():
        names = set(parse_template(value).names) if isinstance(value, str) else set()
        path = ("parameters", name)
        if name not in other.parameters:
            mistakes.append((path, unknown(name, other.parameters, "parameter")))
        elif names & secrets and other.parameters[name].type != "secret":
            words = f"{min(names & secrets)} is a secret, but the parameter {name} of {excerpt(other.name)!r} is not"
            mistakes.append((path, f"{words}: it would be visible there"))
        elif not names and other.parameters[name].type == "secret":
            words = f"{name} is a secret, and everyone who reads the file could see it here"
            mistakes.append((path, f"{words}; pass a secret parameter of this runbook, as {{{{ NAME }}}}"))
        elif not names:
            try:
                check_value(name, other.parameters[name], value)
            except UsageError as error:
                mistakes.append((path, error.message))
    mistakes += [
        (("parameters",), f"the parameter {name} is missing: {excerpt(other.name)!r} needs it")
        for name, one in other.parameters.items()
        if one.default is None and name not in options.parameters
    ]
    return mistakes


def _read(path: Path, name: str) -> str:
    shown = printable(name, 200)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) > MOST_BYTES:
            raise ConfigInvalid(f"{shown} is larger than {MOST_BYTES >> 20} MiB, the limit for a runbook") from None
        line, column = data.count(b"\n", 0, error.start) + 1, error.start - data.rfind(b"\n", 0, error.start)
        message = f"the byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        raise ConfigInvalid(f"{shown}:{line}:{column}: {message}") from None
    except FileNotFoundError:
        raise UsageError(
            f"{shown} is neither a file nor a shipped runbook{suggestion(name, shipped(), 'shipped runbooks')}",
            hint="`sosagent runbook list` shows the shipped ones.",
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
