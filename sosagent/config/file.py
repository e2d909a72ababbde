"""The user's file of machines on disk: which one it is, and how it is read and added to."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigInvalid, UsageError
from ..printable import printable
from ..replace_file import replace_file
from ..secrets.file import OTHERS_WRITE, read_file, trouble_with
from ..secrets.sources import parse_source
from .toml_text import line_in, lines_of

if TYPE_CHECKING:
    from .machines import Machine, Machines

__all__ = ["VARIABLE", "add_machines", "has_machines", "load_machines", "machines_file", "troubles"]

VARIABLE = "SOSAGENT_CONFIG"

_MOST_BYTES = 1 << 20
_NO_HOME = "~ stands for the home of a user who is not there"
_SOURCES = ("password", "become_password", "endpoint_password")


def machines_file(path: Path | str | None = None) -> tuple[Path, bool]:
    """The file of machines, and whether somebody named it.

    Args:
        path: as on the command line; else the variable ``SOSAGENT_CONFIG``, else ``machines.toml`` in the
            user's config folder.
    """
    named = path or os.environ.get(VARIABLE)
    if named:
        try:  # where the shell did not, as in --config=~/x
            return Path(named).expanduser(), True
        except RuntimeError:
            raise UsageError(f"{printable(str(named))}: {_NO_HOME}") from None
    from platformdirs import user_config_path

    return user_config_path("sosagent") / "machines.toml", False


def has_machines(path: Path | str | None = None) -> bool:
    """Whether there is something to load; it is much quicker than that."""
    file, named = machines_file(path)
    try:
        return named or file.exists()
    except OSError:  # which loading tells in words
        return True


def load_machines(path: Path | str | None = None) -> Machines:
    """Read the file of machines. Its relative paths are absolute afterwards, from the file's folder.

    Args:
        path: see `machines_file`; where nobody named a file and none is there, there are no machines.

    Raises:
        ConfigInvalid: it is not what such a file is, with the line and what was expected.
        UsageError: a file that was named cannot be read.
    """
    from .machines import Machines, parse_machines

    file, named = machines_file(path)
    text = _read(file, named)
    found = parse_machines(text.removeprefix("\ufeff"), str(file))
    folder = file.absolute().parent
    placed: dict[str, Machine] = {}
    for name, one in found.machines.items():
        try:
            placed[name] = _placed(one, folder)
        except _NoHome as error:
            lines, field = lines_of(text), str(error)
            own = ("machines", name, field)
            line = line_in(lines, own if own in lines else ("defaults", field))
            where = f"{printable(str(file))}, line {line}: [machines.{name}] {field}"
            raise ConfigInvalid(f"{where}: {_NO_HOME}") from None
    return Machines(placed, file)


def add_machines(path: Path | str | None, more: dict[str, str]) -> tuple[Path, list[str]]:
    """Add tables to the file of machines in one step; what is there stays byte for byte.

    Args:
        path: see `machines_file`; the file is made if it is not there, for its owner alone.
        more: by the machine's name, as TOML.

    Returns:
        The file, and the names that were added; those that it has already are not.

    Raises:
        ConfigInvalid: the file is wrong as it is, or would be then. It is as it was.
        UsageError: it cannot be read or written.
    """
    from .machines import parse_machines

    file, _ = machines_file(path)
    text = _read(file, named=False)
    there = parse_machines(text.removeprefix("\ufeff"), str(file)).machines
    added = [name for name in more if name not in there]
    if added:
        if text and not text.endswith("\n"):
            text += "\n"
        text += "".join(("\n" if text or at else "") + more[name] for at, name in enumerate(added))
        if len(text.encode()) > _MOST_BYTES:
            raise _too_large(file)
        parse_machines(text.removeprefix("\ufeff"), f"{file}, with what is to be added")
        replace_file(file, text)
    return file, added


def troubles(machines: Machines) -> list[str]:
    """What will not work of the machines' files of passwords: they are missing, or others can read them."""
    found: list[str] = []
    for name, machine in machines.machines.items():
        for field in _SOURCES:
            text = getattr(machine, field)
            source = None if text is None else parse_source(text)
            if (
                source is not None
                and source.kind == "file"
                and (words := trouble_with(Path(source.value), "the password file"))
            ):
                found.append(f"{name}, {field}: {words}")
    return found


def _read(file: Path, named: bool) -> str:
    shown = printable(str(file))
    if str(file) == os.devnull:
        return ""
    with suppress(OSError):  # which reading tells in words
        if not file.exists() and not file.is_symlink():
            if not named:
                return ""
            raise UsageError(
                f"there is no file of machines {shown}", hint=f"Check --config and the variable {VARIABLE}."
            )
    # Others may read it; whoever writes it says which programs run.
    data = read_file(file, "the file of machines", others=OTHERS_WRITE, most=_MOST_BYTES, kind=ConfigInvalid)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:2]:
        raise ConfigInvalid(f"{shown}, line 1: it is UTF-16 text", hint="Save it as UTF-8.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigInvalid(f"{shown}, line {line}: it is not UTF-8 text", hint="Save it as UTF-8.") from None


def _too_large(file: Path) -> ConfigInvalid:
    return ConfigInvalid(f"{printable(str(file))} is larger than {_MOST_BYTES >> 20} MiB: no file of machines is so")


def _placed(machine: Machine, folder: Path) -> Machine:
    """The machine, with paths that are good from everywhere.

    Raises:
        _NoHome: with the field whose ~ is nobody's.
    """
    changes: dict[str, str] = {}
    for name in ("identity", "redfish_ca", *_SOURCES):
        text = getattr(machine, name)
        kind = "file:" if name in _SOURCES else ""
        if text is None or not text.startswith(kind):
            continue
        try:
            changes[name] = f"{kind}{folder / Path(text.removeprefix(kind)).expanduser()}"
        except RuntimeError:
            raise _NoHome(name) from None
    return machine.model_copy(update=changes)


class _NoHome(Exception):
    pass
