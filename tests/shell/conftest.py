"""Homes and programs of the machine for the tests of transfers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

#: Programs that every machine has.
_ALWAYS_PRESENT = (
    "cat", "chmod", "chown", "cksum", "dd", "df", "env", "head", "id", "kill", "ls", "mkdir", "mv", "od", "printf",
    "rm", "rmdir", "sleep", "stty", "sync", "tail", "tr", "wc",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home folder on the machine."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def few_programs(tmp_path: Path) -> str:
    """A folder of the programs that every machine has, without base64 and gzip."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in _ALWAYS_PRESENT:
        program = shutil.which(name)
        if program is not None:
            (folder / name).symlink_to(program)
    return str(folder)
