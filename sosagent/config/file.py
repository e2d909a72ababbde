"""machines.toml on disk: find it, read it, and add machines to it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigInvalid, UsageError
from ..paths import NO_HOME, StrPath, expanded
from ..printable import printable
from ..replace_file import locked, replace_file
from ..secrets.file import OTHERS_WRITE, read_file, trouble_with
from ..secrets.sources import parse_source
from .toml_text import line_in, lines_of

if TYPE_CHECKING:
    from .machine import Machine
    from .machines import Machines

__all__ = ["VARIABLE", "add_machines", "has_machines", "load_machines", "machines_file", "password_file_warnings"]

VARIABLE = "SOSAGENT_CONFIG"

_MAX_BYTES = 1 << 20
_SOURCES = ("password", "become_password", "endpoint_password")


def machines_file(path: StrPath | None = None) -> tuple[Path, bool]:
    """Return the path of machines.toml, and whether the user set it.

    Args:
        path: as on the command line; else the variable ``SOSAGENT_CONFIG``, else ``machines.toml`` in the
            user's configuration folder.
    """
    chosen = path or os.environ.get(VARIABLE)
    if chosen:
        return expanded(chosen), True  # the shell does not expand ~ in --config=~/x
    from platformdirs import user_config_path  # takes long to import

    return user_config_path("sosagent") / "machines.toml", False


def has_machines(path: StrPath | None = None) -> bool:
    """Whether there is a file to load. This is much faster than loading it."""
    file, chosen = machines_file(path)
    try:
        return chosen or file.exists()
    except OSError:  # loading it reports the error
        return True


def load_machines(path: StrPath | None = None) -> Machines:
    """Read machines.toml. Relative paths in it are resolved against the file's folder.

    Args:
        path: see `machines_file`. If the user did not set a path and the file does not exist, there are no machines.

    Raises:
        ConfigInvalid: the file is not valid; the message has the line and what is allowed.
        UsageError: the file cannot be read.
    """
    from .machines import Machines
    from .parse import parse_machines

    file, chosen = machines_file(path)
    text = _read(file, chosen)
    parsed = parse_machines(text.removeprefix("\ufeff"), str(file))
    folder = file.absolute().parent
    machines: dict[str, Machine] = {}
    for name, machine in parsed.machines.items():
        try:
            machines[name] = _with_absolute_paths(machine, folder)
        except _NoHome as error:
            lines, own = lines_of(text), ("machines", name, error.field)
            line = line_in(lines, own if own in lines else ("defaults", error.field))
            where = f"{printable(str(file))}:{line}: [machines.{name}] {error.field}"
            raise ConfigInvalid(f"{where}: {NO_HOME}") from None
    return Machines(machines, file)


def add_machines(path: StrPath | None, tables: dict[str, str]) -> tuple[Path, list[str]]:
    """Add machines to machines.toml, atomically. The existing text does not change.

    Args:
        path: see `machines_file`. A new file is readable by its owner only.
        tables: the machines by name, each as a table of TOML.

    Returns:
        The file, and the names that were added. Names that the file has already are not added.

    Raises:
        ConfigInvalid: the file is not valid, or would not be valid afterwards. It is unchanged.
        UsageError: the file cannot be read or written.
    """
    from .parse import parse_machines

    file, _ = machines_file(path)
    with locked(file):
        text = _read(file, chosen=False)
        existing = parse_machines(text.removeprefix("\ufeff"), str(file)).machines
        added = [name for name in tables if name not in existing]
        if added:
            if text and not text.endswith("\n"):
                text += "\n"
            text += "".join(("\n" if text or at else "") + tables[name] for at, name in enumerate(added))
            if len(text.encode()) > _MAX_BYTES:
                raise ConfigInvalid(f"{printable(str(file))} would be larger than {_MAX_BYTES >> 20} MiB")
            parse_machines(text.removeprefix("\ufeff"), f"{file}, with the new machines")
            replace_file(file, text)
    return file, added


def password_file_warnings(machines: Machines) -> list[str]:
    """Return a warning for each password file of the machines that is missing, or that other users can read."""
    warnings: list[str] = []
    for name, machine in machines.machines.items():
        for field in _SOURCES:
            text = getattr(machine, field)
            source = None if text is None else parse_source(text)
            if source is None or source.kind != "file":
                continue
            if trouble := trouble_with(Path(source.value), "the password file"):
                warnings.append(f"{name}, {field}: {trouble}")
    return warnings


def _read(file: Path, chosen: bool) -> str:
    shown = printable(str(file))
    if str(file) == os.devnull:
        return ""
    with suppress(OSError):  # reading the file reports the error
        if not file.exists() and not file.is_symlink():
            if not chosen:
                return ""
            raise UsageError(f"there is no machines file {shown}", hint=f"Check --config and the variable {VARIABLE}.")
    # Other users may read it. They must not write to it, because it names programs to run.
    data = read_file(file, "the machines file", others=OTHERS_WRITE, most=_MAX_BYTES, kind=ConfigInvalid)
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:2]:
        raise ConfigInvalid(f"{shown}:1: the text is UTF-16", hint="Save it as UTF-8.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigInvalid(f"{shown}:{line}: the text is not UTF-8", hint="Save it as UTF-8.") from None


def _with_absolute_paths(machine: Machine, folder: Path) -> Machine:
    """Return the machine with absolute paths.

    Raises:
        _NoHome: a ~ cannot be expanded.
    """
    changes: dict[str, str] = {}
    for name in ("identity", "redfish_ca", *_SOURCES):
        text = getattr(machine, name)
        prefix = "file:" if name in _SOURCES else ""
        if text is None or not text.startswith(prefix):
            continue
        try:
            changes[name] = f"{prefix}{folder / Path(text.removeprefix(prefix)).expanduser()}"
        except RuntimeError:
            raise _NoHome(name) from None
    return machine.model_copy(update=changes)


class _NoHome(Exception):
    """The ~ in a field of a machine cannot be expanded."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field
