"""Read the files of an import: the one that the user names, and those that it includes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path

from ..errors import UsageError
from ..printable import printable
from .imports import Format, Imported, Source, checked_format, detect_format, import_machines

__all__ = ["import_file"]

_MAX_BYTES = 16 << 20  # of all files
_MAX_FILES = 1000
_SYSTEM_FOLDER = Path("/etc/ssh")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
#: Folders of variables that Ansible reads beside an inventory.
_VARIABLES = ("group_vars", "host_vars")


def import_file(name: str, form: str | None) -> Imported:
    """Read the machines of a file and of those that it includes.

    Args:
        name: its path; ``-`` for standard input, whose included files are not read.
        form: its format; None detects it.

    Raises:
        UsageError: a file cannot be read, or has not this format.
    """
    checked = None if form is None else checked_format(form)
    files = _Files()
    text = files.read(name)
    kind = checked or detect_format(text, name)
    if name == "-":
        return import_machines(Source(_shown(name), text), kind)
    path = Path(name)
    imported = import_machines(files.source(name, text, kind, _base(path, kind)), kind)
    if kind == "ansible":
        for folder in _VARIABLES:
            if path.with_name(folder).is_dir():
                shown = printable(str(path.with_name(folder)))
                imported.notes.append(f"{shown} is not read; import the output of ansible-inventory --list instead")
    return imported


def _base(path: Path, form: Format) -> Path:
    """Return the folder that relative names of included files refer to (ssh_config(5), Include)."""
    if form != "ssh":
        return path.absolute().parent
    return _SYSTEM_FOLDER if _SYSTEM_FOLDER in path.absolute().parents else Path("~/.ssh").expanduser()


@dataclass
class _Files:
    """Reads files, and counts them: files can include each other.

    Fields:
        count, size: how many files and bytes have been read.
    """

    count: int = 0
    size: int = field(default=0)

    def read(self, name: str) -> str:
        """Return the contents of a file; ``-`` for standard input.

        Raises:
            UsageError: it cannot be read.
        """
        shown = _shown(name)
        self.count += 1
        if self.count > _MAX_FILES:
            raise UsageError(f"more than {_MAX_FILES} files are included")
        try:
            if name == "-":
                data = sys.stdin.buffer.read(_MAX_BYTES + 1)
            else:
                with Path(name).open("rb") as opened:
                    data = opened.read(_MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "its name is invalid"
            raise UsageError(f"cannot read {shown}: {reason}") from None
        self.size += len(data)
        if self.size > _MAX_BYTES:
            raise UsageError(f"{shown} is larger than {_MAX_BYTES >> 20} MiB")
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise UsageError(f"{shown}:{line}: the text is not UTF-8") from None

    def source(self, name: str, text: str, form: Format, base: Path) -> Source:
        """Return a file whose included files are read from the folder `base`."""

        def included(pattern: str) -> Sequence[Source]:
            expanded = pattern
            if form == "ssh":
                expanded = _VARIABLE.sub(lambda match: os.environ.get(match[1], match[0]), pattern)
                expanded = str(Path(expanded).expanduser()) if expanded.startswith("~") else expanded
            path = str(base / expanded)
            names = sorted(glob(path)) if form == "ssh" else [path]  # noqa: PTH207 - the pattern may be absolute
            for one in names:
                if Path(one).exists() and not Path(one).is_file():
                    raise UsageError(f"{_shown(one)} is not a regular file")
            return [self.source(one, self.read(one), form, base) for one in names]

        return Source(_shown(name), text, included)


def _shown(name: str) -> str:
    return "standard input" if name == "-" else printable(name)
