"""authorized_keys files on real file systems, and jobs on them in real shells."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

import sosagent
from sosagent.access import Permissions
from sosagent.authorized_keys.append import append_keys
from sosagent.authorized_keys.outcome import Appended
from sosagent.shell.shell import Shell

from ..conftest import new_key
from .ptys import verified_shell

__all__ = ["ONE", "add", "append", "as_root", "attributes", "ext4", "fill", "is_read_only", "keys_file"]

as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root: mounts, file attributes")

ONE = new_key("one")


async def append(
    shell: Shell,
    *keys: sosagent.PublicKey,
    dry_run: bool = False,
    permissions: Permissions | None = None,
    until: datetime | None = None,
    replace_lines: bool = False,
) -> Appended:
    """Add `keys` to root's file, whose home is the shell's."""
    return await append_keys(
        shell, keys, user="root", own=True, logged_in=True, dry_run=dry_run, permissions=permissions, until=until,
        replace_lines=replace_lines,
    )  # fmt: skip


async def add(
    sh: Sequence[str],
    home: Path,
    *keys: sosagent.PublicKey,
    dry_run: bool = False,
    permissions: Permissions | None = None,
    until: datetime | None = None,
    replace_lines: bool = False,
    env: Mapping[str, str] | None = None,
) -> Appended:
    """Add `keys` to the file in `home`, in a new shell."""
    async with verified_shell(sh, home, env=env) as (shell, _):
        try:
            return await append(
                shell, *keys, dry_run=dry_run, permissions=permissions, until=until, replace_lines=replace_lines
            )
        finally:
            await shell.close()


def keys_file(home: Path, content: str | bytes = "") -> Path:
    """Create ``.ssh/authorized_keys`` in `home` and return its path."""
    file = home / ".ssh" / "authorized_keys"
    file.parent.mkdir(mode=0o700)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(0o600)
    return file


@contextmanager
def ext4(folder: Path) -> Iterator[Path]:
    """Mount a real ext4 file system of 1 MiB with 32 inodes and no reserved blocks; skip the test if that fails."""
    image, mounted = folder / "image", folder / "disk"
    mounted.mkdir()
    image.write_bytes(b"\0" * (1 << 20))
    mke2fs = shutil.which("mke2fs", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    options = ["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-N", "32"]
    if not mke2fs or subprocess.run([mke2fs, *options, str(image)], check=False).returncode:
        pytest.skip("mke2fs is not installed")
    if subprocess.run(["mount", "-o", "loop", str(image), str(mounted)], check=False, capture_output=True).returncode:
        pytest.skip("cannot mount file systems here")
    try:
        yield mounted
    finally:
        subprocess.run(["chattr", "-R", "-f", "-i", "-a", str(mounted)], check=False, capture_output=True)
        subprocess.run(["umount", str(mounted)], check=True)


def fill(folder: Path) -> None:
    """Fill the file system of `folder` to the last byte."""
    with (folder / "filler").open("wb", buffering=0) as filler:
        size = 4096
        while size:
            try:
                filler.write(b"x" * size)
            except OSError:
                size //= 2


def attributes(path: Path) -> str:
    """Return the attributes of `path` as letters (lsattr)."""
    return subprocess.run(["lsattr", "-d", str(path)], check=True, capture_output=True, text=True).stdout.split()[0]


def is_read_only(folder: Path) -> bool:
    """Whether the file system of `folder` is mounted read-only."""
    return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
