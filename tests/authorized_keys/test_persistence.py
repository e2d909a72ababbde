"""authorized_keys/persistence.py on real file systems: a file in memory is never added to without a word."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import sosagent
from sosagent.authorized_keys.persistence import loss_at_restart, may_be_lost
from sosagent.authorized_keys.report import parse_report
from sosagent.printable import printable

from ..support.authorized_keys import ONE, add, as_root, keys_file


def _mount(kind: str, options: str, folder: Path) -> None:
    words = ["mount", "-t", kind, "-o", options, kind, str(folder)]
    if subprocess.run(words, check=False, capture_output=True).returncode:
        pytest.skip(f"cannot mount {kind} here")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """An empty tmpfs."""
    folder = tmp_path / "memory"
    folder.mkdir()
    _mount("tmpfs", "size=1m,mode=755", folder)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def live(memory: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder of a disk beneath an overlay that keeps changes in memory, as on live systems and with overlayroot."""
    disk, home = tmp_path / "lower", tmp_path / "home"
    for folder in (disk, home, memory / "upper", memory / "work"):
        folder.mkdir(mode=0o755)
    keys_file(disk, f"{ONE.line}\n")
    _mount("overlay", f"lowerdir={disk},upperdir={memory}/upper,workdir={memory}/work", home)
    yield home
    subprocess.run(["umount", str(home)], check=True)


async def _add_twice(sh: list[str], home: Path, key: sosagent.PublicKey, text: str) -> None:
    """Add `key`, which is there the second time; `text` is in the only warning each time."""
    for result in ("added", "present"):
        done = await add(sh, home, key)
        assert done.keys[0].result == result
        (warning,) = done.warnings
        assert text in warning


@as_root
@pytest.mark.parametrize("exists", [False, True])
async def test_a_home_in_memory(exists: bool, sh: list[str], memory: Path, key: sosagent.PublicKey) -> None:
    if exists:
        keys_file(memory, f"{ONE.line}\n")
    place = f"is in memory (tmpfs at {printable(str(memory), 80)})"
    await _add_twice(sh, memory, key, f"{place}: the key is lost when the machine restarts")


@as_root
@pytest.mark.parametrize("exists", [False, True])
async def test_an_overlay_with_changes_in_memory(
    exists: bool, sh: list[str], live: Path, memory: Path, key: sosagent.PublicKey
) -> None:
    if not exists:
        (live / ".ssh" / "authorized_keys").unlink()
    await _add_twice(sh, live, key, f"is in memory (tmpfs at {printable(str(memory), 80)})")


@as_root
async def test_a_disk(sh: list[str], disk: Path, key: sosagent.PublicKey) -> None:
    keys_file(disk, f"{ONE.line}\n")
    assert (await add(sh, disk, key)).warnings == ()


_DISK = "d / rw,relatime ext4 /dev/vda1 rw,errors=remount-ro"
_OVERLAY = "d / rw overlay overlay rw,lowerdir=/a,upperdir=/b/c,workdir=/b/d"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((_DISK,), None),
        ((), None),  # no /proc, as on FreeBSD
        (("d / rw rootfs rootfs rw",), "in memory (rootfs at /)"),
        (("d / rw none tmpfs rw,size=1",), None),
        (("d / rw tmpfs rw,size=1",), "in memory (tmpfs at /)"),  # without a source
        (("d / rw ext2 /dev/ram0 rw",), "in memory (ext2 at /)"),
        (("d /root rw ext4 /dev/zram1 rw",), "in memory (ext4 at /root)"),
        ((_OVERLAY, "D /b rw tmpfs tmpfs rw"), "in memory (tmpfs at /b)"),
        ((_OVERLAY, "D /b rw ext4 /dev/sda2 rw"), None),
        ((_OVERLAY, "D / rw overlay overlay rw"), "not visible"),
        ((_OVERLAY,), "not visible"),
        (("d / rw aufs aufs rw,si=1f",), "not visible"),
        (("d / rw btrfs /dev/vda2 rw,subvol=/@",), None),
        (("d / rw 9p root rw",), None),
    ],
)
def test_what_each_mount_means(lines: tuple[str, ...], expected: str | None) -> None:
    found = loss_at_restart(parse_report(list(lines)), "/root/.ssh/authorized_keys")
    assert (found is None) if expected is None else (found is not None and expected in found.sentence)
    assert found is None or not found.refuses


@pytest.mark.parametrize(
    ("folder", "asked"),
    [
        ("drwx------ 5 0 0 4096 Jan 1 00:00 /root", False),
        ("drwx------ 5 0 0 140 Jan 1 00:00 /root", True),  # tmpfs, XFS, Btrfs
        ("drwx------ 5 0 0 0 Jan 1 00:00 /root", True),  # ramfs
        ("drwx------ 1 0 0 4096 Jan 1 00:00 /root", True),  # overlay
        ("-rw------- 1 0 0 77 Jan 1 00:00 /root/.ssh/authorized_keys", False),
    ],
)
def test_the_mount_is_looked_at_only_if_the_folders_are_unusual(folder: str, asked: bool) -> None:
    assert may_be_lost(parse_report([folder])) == asked
