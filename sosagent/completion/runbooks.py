"""The shipped runbooks, and the parameters of a runbook, found without a YAML parser. Never fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .ssh_hosts import read_small

__all__ = ["Parameter", "parameters_of", "shipped_runbooks"]

_LIBRARY = Path(__file__).parents[1] / "runbook" / "library"
_BLOCK = re.compile(r"^parameters:[ \t]*+(?:#.*+)?\n((?:(?:[ \t\r#].*+)?\n)*+)", re.MULTILINE)
_KEY = re.compile(r"""^( +)["']?([\w-]+)["']?:[ \t]*(.*)$""")
_FIELD = re.compile(r"""(?<!\w)(\w++):[ \t]*+(\[[^\]\n]{0,200}+\]|"[^"\n]{0,200}+"|'[^'\n]{0,200}+'|[^,}\n]*+)""")
_ITEM = re.compile(r"""^ +- +["']?(.*?)["']?\s*$""")


@dataclass
class Parameter:
    """A parameter of a runbook; the fields are those in the file."""

    name: str
    type: str = "text"
    description: str = ""
    choices: tuple[str, ...] = ()

    def set(self, field: str, value: str) -> None:
        """Set a field to the value that the file has, in YAML."""
        value = value.partition(" #")[0].strip()
        if field == "choices" and value.startswith("["):
            self.choices = tuple(one.strip(" \"'") for one in value.strip("[]").split(",") if one.strip())
        elif field in ("type", "description"):
            setattr(self, field, value.strip("\"'"))


def shipped_runbooks() -> dict[str, str]:
    """Return the names of the shipped runbooks, each with what it does."""
    names: dict[str, str] = {}
    try:
        for file in sorted(_LIBRARY.glob("*.yml")):
            first = re.search(r"^name:[ \t]*(.*)$", read_small(file), re.MULTILINE)
            names[file.stem] = first[1].strip("\"' ") if first else ""
    except OSError:
        pass
    return names


def parameters_of(name: str | None) -> list[Parameter]:
    """Return the parameters of a runbook, a file or a shipped one; none if it cannot be read."""
    if not name:
        return []
    try:
        file = Path(name).expanduser()
        shipped = _LIBRARY / f"{name}.yml"
        if "/" not in name and not file.exists() and shipped.is_file():
            file = shipped
    except (OSError, RuntimeError, ValueError):
        return []
    block = _BLOCK.search(read_small(file) + "\n")
    return list(_parameters(block[1].splitlines())) if block else []


def _parameters(lines: list[str]) -> Iterator[Parameter]:
    found: list[Parameter] = []
    indent, listing = "", False
    for line in lines:
        match = _KEY.match(line)
        if match is None:
            item = _ITEM.match(line)
            if item is not None and listing:
                found[-1].choices += (item[1],)
            continue
        listing = False
        indent = indent or match[1]
        if match[1] == indent:
            found.append(Parameter(match[2]))
            if match[3].startswith("{"):
                for field, value in _FIELD.findall(match[3]):
                    found[-1].set(field, value)
        elif found:
            found[-1].set(match[2], match[3])
            listing = match[2] == "choices" and not match[3].strip()
    yield from found
