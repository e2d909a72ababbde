"""Machines that have only the tools of one userland: a folder that root's login shell changes its root to.

The real agetty and login run outside; the shell and everything that it starts run inside.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import pytest

from .logins import RealConsole, real_console

__all__ = ["USERLANDS", "machine_of"]

_BUSYBOX = "/bin/busybox"
_TOYBOX = "/usr/bin/toybox"
_UUTILS = "/usr/bin/coreutils"
_PLAN9 = Path("/usr/lib/plan9/bin")
#: Checksums that the project can use.
_SUMS = ("cksum", "crc32", "sha256sum", "md5sum", "sum")
#: What Debian's BusyBox has and OpenWrt's does not by default.
_NOT_IN_OPENWRT = ("stty", "cksum", "crc32", "od", "xxd", "base64", "su", "stat", "hostname", "tac", "shuf")
_ENTER = """#!/bin/sh
mount --bind {root} {root}; mount --bind /dev {root}/dev; mount --bind /proc {root}/proc
exec chroot {root} {shell}
"""


def _libraries(program: str) -> Iterator[str]:
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    for word in listed.split():
        if word.startswith("/") and Path(word).exists():
            yield word


def _install(root: Path, program: str, *names: str) -> None:
    """Copy a program and its libraries; `names` are other names for it in /bin."""
    for path in (program, *_libraries(program)):
        copy = root / path.lstrip("/")
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(Path(path).resolve(), copy)
    for name in names:
        link = root / "bin" / name
        if str(link.relative_to(root)) == program.lstrip("/"):
            continue
        if not link.exists() and not link.is_symlink():
            link.symlink_to(program)


def _commands(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def _busybox(root: Path, *without: str, sh: bool = True) -> None:
    """Install BusyBox, without some of its programs.

    Its shell runs its own programs by their names, so the names are removed from the program itself.
    """
    text = Path(_BUSYBOX).read_bytes()
    for name in without:
        # The list of names must stay in order, so only the last letter changes.
        other = name[:-1] + chr(ord(name[-1]) + 1)
        text = text.replace(f"\0{name}\0".encode(), f"\0{other}\0".encode())
    program = root / "bin" / "busybox"
    program.write_bytes(text)
    program.chmod(0o755)
    for name in _commands(_BUSYBOX, "--list"):
        if name not in without and (sh or name not in ("sh", "ash")) and not (root / "bin" / name).exists():
            (root / "bin" / name).symlink_to("busybox")


def _gnu(root: Path, *names: str) -> None:
    for name in names:
        _install(
            root,
            shutil.which(name) or name,
            *([] if Path(shutil.which(name) or "/bin").parent.name == "bin" else [name]),
        )


def _openwrt(root: Path) -> None:
    _busybox(root, *_NOT_IN_OPENWRT)


def _without(*names: str) -> Callable[[Path], None]:
    return lambda root: _busybox(root, *names)


def _mksh(root: Path) -> None:
    _install(root, "/bin/mksh", "sh")
    locale = "usr/lib/locale/C.utf8"  # without it, each mksh prints a warning
    if Path("/", locale).exists():
        shutil.copytree(Path("/", locale), root / locale)


def _mksh_toybox(root: Path) -> None:
    _mksh(root)
    _install(root, _TOYBOX, *_commands(_TOYBOX))


def _mksh_busybox(root: Path) -> None:
    _mksh(root)
    _busybox(root, "stty", sh=False)


def _dash_toybox(root: Path) -> None:
    _install(root, "/bin/dash", "sh")
    _install(root, _TOYBOX, *_commands(_TOYBOX))


def _dash_coreutils(root: Path) -> None:
    _install(root, "/bin/dash", "sh")
    listed = _commands("dpkg-query", "--listfiles", "coreutils")
    _gnu(root, *(Path(path).name for path in listed if "/bin/" in path), "sed", "grep", "gzip", "su")


def _uutils(root: Path) -> None:
    _install(root, "/bin/dash", "sh")
    _install(root, _UUTILS, *(path.name for path in Path("/usr/lib/cargo/bin/coreutils").iterdir()))
    _gnu(root, "sed", "grep", "gzip", "su")


def _plan9(root: Path) -> None:
    """9base, and what it lacks from BusyBox."""
    _install(root, "/bin/dash", "sh")
    for path in _PLAN9.iterdir():
        _install(root, str(path))
        (root / "bin" / path.name).symlink_to(path)
    _busybox(root, "stty", "env", "id", "crc32", "sha256sum", sh=False)


#: How to install each userland, and the login shell in it.
USERLANDS: dict[str, tuple[Callable[[Path], None], str]] = {
    "busybox": (_without(), "/bin/sh -l"),
    "busybox, no stty": (_without("stty"), "/bin/sh -l"),
    "openwrt": (_openwrt, "/bin/sh -l"),
    "no env": (_without("env"), "/bin/sh -l"),
    "no id": (_without("id"), "/bin/sh -l"),
    "no checksums": (_without(*_SUMS), "/bin/sh -l"),
    "no cksum, crc32, od, hexdump": (_without("cksum", "crc32", "od", "hexdump", "xxd"), "/bin/sh -l"),
    "no checksums, stty, env, id, od, hexdump": (
        _without(*_SUMS, "stty", "env", "id", "od", "hexdump", "xxd"),
        "/bin/sh -l",
    ),
    "mksh and toybox": (_mksh_toybox, "/bin/sh -l"),
    "mksh and busybox": (_mksh_busybox, "/bin/sh -l"),
    "dash and coreutils": (_dash_coreutils, "/bin/sh -l"),
    "dash and toybox": (_dash_toybox, "/bin/sh -l"),
    "uutils": (_uutils, "/bin/sh -l"),
    "9base": (_plan9, "/bin/sh -l"),
}


@cache
def _missing(name: str) -> str:
    needed = {"toybox": _TOYBOX, "mksh": "/bin/mksh", "uutils": _UUTILS, "9base": str(_PLAN9 / "ls")}
    return next((path for word, path in needed.items() if word in name and not Path(path).exists()), "")


@asynccontextmanager
async def machine_of(name: str, folder: Path) -> AsyncIterator[tuple[RealConsole, Path]]:
    """Open the console of a machine with this userland, or skip the test where that is not possible.

    Args:
        name: of a userland in `USERLANDS`.
        folder: for the files of the machine.

    Returns:
        A context manager whose value is the console, and the path of root's home folder.
    """
    for missing in filter(None, [_missing(name), "" if Path(_BUSYBOX).exists() else _BUSYBOX]):
        pytest.skip(f"{missing} is not installed")
    install, shell = USERLANDS[name]
    root = folder / "root"
    for path in ("bin", "dev", "proc", "etc", "tmp", "run"):
        (root / path).mkdir(parents=True)
    install(root)
    home = folder / "home"
    (root / "etc" / "passwd").write_text(f"root:x:0:0::{home}:/bin/sh\noperator:x:1000:1000::/home/operator:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\n")
    inside = root / str(home).lstrip("/")
    inside.mkdir(parents=True)
    folder.chmod(0o755)
    enter = folder / "enter"
    enter.write_text(_ENTER.format(root=root, shell=shell))
    enter.chmod(0o755)
    async with real_console(folder, str(enter)) as console:
        yield console, inside
