"""Runbooks from files and from the ones that are shipped, with all that they include."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from ..errors import ConfigInvalid, UsageError
from ..printable import printable
from .check import invalid, read_runbook
from .model import Include, Runbook, Step
from .names import LISTS, secret_names
from .template import parse_template
from .text import MOST_BYTES
from .values import check_value
from .words import beginning, near, unknown

__all__ = ["Loaded", "load_runbook", "shipped"]

_DEEPEST = 8


@dataclass(frozen=True)
class Loaded:
    """A checked runbook and those that it includes.

    Fields:
        runbook: itself.
        name: how it was called: a shipped one's name, or a path.
        folder: what its relative paths begin at; None for a shipped one.
        text: the file's.
        included: by the words of its `include` steps.
    """

    runbook: Runbook
    name: str
    folder: Path | None
    text: str
    included: Mapping[str, Loaded] = field(default_factory=dict)

    def path(self, text: str) -> Path:
        """A path in the runbook, which begins at its folder."""
        return _path(text, self.folder)


def shipped() -> dict[str, str]:
    """The names of the runbooks that come with sosagent -> their texts."""
    folder = files(__package__).joinpath("library")
    found = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".yml")}
    return {name.removesuffix(".yml"): found[name].read_text("utf-8") for name in sorted(found)}


def load_runbook(name: str | Path, beside: Path | None = None) -> Loaded:
    """Read a runbook, check it, and all that it includes.

    Args:
        name: a file; or a shipped one's name, where no file is called so.
        beside: the folder that a relative path begins at; the current one by default.

    Raises:
        UsageError: there is none of that name, or it cannot be read.
        ConfigInvalid: with file, line, column and what was expected; its `mistakes` are all of them.
    """
    return _load(str(name), beside, ())


def _load(name: str, beside: Path | None, above: tuple[str, ...]) -> Loaded:
    path = _path(name, beside)
    if "/" not in name and name in shipped() and not path.exists():
        text, shown, folder, identity = shipped()[name], name, None, name
    else:
        text, shown, folder, identity = _read(path, name), name, path.parent, str(path.resolve())
    if identity in above:
        raise ConfigInvalid(f"{printable(shown, 200)} includes itself")
    if len(above) >= _DEEPEST:
        raise ConfigInvalid(f"{printable(shown, 200)}: runbooks include each other {_DEEPEST} deep, which is the most")
    runbook, document = read_runbook(text, shown)
    wrong: list[tuple[tuple[str | int, ...], str]] = []
    included: dict[str, Loaded] = {}
    secrets = secret_names(runbook.parameters, tuple(step for key in LISTS for step in _steps(runbook, key)))
    for key in LISTS:
        for at, step in enumerate(_steps(runbook, key)):
            if not isinstance(step.does, Include):
                continue
            where = (key, at, "include")
            try:
                found = included.get(step.does.runbook) or _load(step.does.runbook, folder, (*above, identity))
            except ConfigInvalid as error:
                wrong += [(where, f"in what it includes: {one}") for one in error.mistakes or (error.message,)]
                continue
            except UsageError as error:
                wrong.append(((*where, "runbook"), error.message))
                continue
            included[step.does.runbook] = found
            wrong += [((*where, *path), words) for path, words in _given(step.does, found.runbook, secrets)]
    if wrong:
        raise invalid(document, wrong)
    return Loaded(runbook, shown, folder, text, included)


def _path(text: str, folder: Path | None) -> Path:
    """A path as people write it, from a folder on.

    Raises:
        UsageError: it cannot be one.
    """
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise UsageError(f"{printable(text, 200)}: ~ stands for the home of a user who is not there") from None
    if "\0" in text:
        raise UsageError(f"{printable(text, 200)} is no path: it holds a NUL")
    return path if folder is None else folder / path


def _steps(runbook: Runbook, key: str) -> tuple[Step, ...]:
    steps: tuple[Step, ...] = getattr(runbook, "finally_" if key == "finally" else key)
    return steps


def _given(does: Include, other: Runbook, secrets: set[str]) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong with the parameters that are given to an included runbook."""
    wrong: list[tuple[tuple[str | int, ...], str]] = []
    for name, value in does.parameters.items():
        names = set(parse_template(value).names) if isinstance(value, str) else set()
        if name not in other.parameters:
            wrong.append((("parameters", name), unknown(name, other.parameters)))
        elif names & secrets and other.parameters[name].type != "secret":
            words = f"{min(names & secrets)} is a secret, and {name} of {beginning(other.name)!r} is none"
            wrong.append((("parameters", name), f"{words}: it would be seen there"))
        elif not names and other.parameters[name].type == "secret":
            words = f"{name} is a secret: in the file everybody could read it"
            wrong.append(
                (("parameters", name), f"{words}; a secret parameter of this one goes there, as {{{{ NAME }}}}")
            )
        elif not names:
            try:
                check_value(name, other.parameters[name], value)
            except UsageError as error:
                wrong.append((("parameters", name), error.message))
    wrong += [
        (("parameters",), f"its parameter {name} is missing: {beginning(other.name)!r} needs it")
        for name, one in other.parameters.items()
        if one.default is None and name not in does.parameters
    ]
    return wrong


def _read(path: Path, name: str) -> str:
    shown = printable(name, 200)
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) > MOST_BYTES:
            raise ConfigInvalid(f"{shown} is larger than any runbook") from None
        line, column = data.count(b"\n", 0, error.start) + 1, error.start - data.rfind(b"\n", 0, error.start)
        words = f"the byte {data[error.start]:#04x} is not UTF-8; save the file in that encoding"
        raise ConfigInvalid(f"{shown}, line {line}, column {column}: {words}") from None
    except FileNotFoundError:
        raise UsageError(
            f"there is no file {shown}, and no shipped runbook of that name{near(name, shipped())}",
            hint="`sosagent runbook list` shows the shipped ones.",
        ) from None
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
