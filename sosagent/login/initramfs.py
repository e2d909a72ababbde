"""In an initramfs, the machine's own root file system is mounted in a folder, and the job belongs there.

An initramfs is recognised by what it is: its root file system is in memory, and process 1 is not the system's init but
its own /init. This holds for those of initramfs-tools, dracut, mkinitcpio, genkernel and Alpine, and for a
BusyBox without any of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ..console.events import Event
from ..errors import EditRefused
from ..file_systems import is_in_memory
from .attempt import Attempt
from .probe import ask

__all__ = ["Mount", "find_initramfs", "open_root"]


class Mount(NamedTuple):
    """A line of /proc/mounts."""

    device: str
    folder: str
    kind: str
    options: str


#: Where initramfs-tools; dracut and Alpine; mkinitcpio; genkernel; and people mount the root file system.
_ROOTS = ("/root", "/sysroot", "/new_root", "/newroot", "/mnt/root", "/mnt")
#: Files that only an initramfs has: of dracut and systemd (os-release(5)), and of initramfs-tools. They count only if
#: /proc is not mounted.
_INITRAMFS_FILES = ("/etc/initrd-release", "/conf/conf.d")
#: The start of the command line of the system's own init. That of an initramfs is /init, or a shell that runs it.
_SYSTEM_INIT = re.compile(r"(?:(?:/usr)?/(?:s?bin|lib/systemd)/)?(?:init|systemd|runit|openrc-init|s6-svscan)")
#: Shells of an initramfs may have no other program than their own builtins; and not every login shell is a POSIX shell.
_MOUNTS = "sh -c 'while read l;do echo $l;done</proc/mounts'"


async def find_initramfs(attempt: Attempt, *, by_prompt: bool = False) -> tuple[Mount, ...] | None:
    """Find out whether the current shell is in an initramfs, where an added key would be lost.

    Args:
        attempt: a login at a shell's prompt.
        by_prompt: the prompt is an initramfs's; then it is one unless its root file system is on a disk.

    Returns:
        The mounts of the initramfs; None outside of an initramfs.
    """
    init = "".join(await ask(attempt, "cat /proc/1/cmdline;echo"))
    if _SYSTEM_INIT.match(init) and not by_prompt:
        return None
    mounts = await _mounts(attempt)
    root = next((mount for mount in reversed(mounts) if mount.folder == "/"), None)
    if root is not None:
        return mounts if is_in_memory(root.kind, root.device) else None
    if by_prompt:
        return mounts
    lines = await ask(attempt, f"ls -1d {' '.join(_INITRAMFS_FILES)}")
    return mounts if any(file in lines for file in _INITRAMFS_FILES) else None


async def _mounts(attempt: Attempt, before: str = "") -> tuple[Mount, ...]:
    words = (line.split() for line in await ask(attempt, f"{before}{_MOUNTS}"))
    return tuple(Mount(*line[:4]) for line in words if len(line) == 6)


async def open_root(attempt: Attempt, mounts: Sequence[Mount]) -> None:
    """In an initramfs: find the machine's root file system, and prepare it for a shell in a chroot.

    Raises:
        EditRefused: it is not mounted, or cannot be made writable.
    """
    console = attempt.console
    for mount in mounts:
        if mount.folder in _ROOTS and not is_in_memory(mount.kind):
            root, command = mount.folder, f"for f in etc/passwd dev/null;do [ -e {mount.folder}/$f ]&&echo $f;done"
            files = await ask(attempt, f"sh -c '{command}'")
            if "etc/passwd" in files:
                break
    else:
        raise console.error(
            EditRefused,
            "the machine is in its initramfs, and its root file system is not mounted",
            hint="Mount it yourself (such as: mount /dev/vda1 /root), then run again. The messages above that prompt "
            "say why it was not mounted.",
        )
    attempt.use_chroot(root)
    if _is_read_only(mounts, root) and attempt.settings.permissions.remount:
        attempt.will_undo_mount(f"mount -o remount,ro {root}")
        if _is_read_only(await _mounts(attempt, f"mount -o remount,rw {root};"), root):
            raise console.error(
                EditRefused,
                "the root file system cannot be remounted read-write",
                hint="The last lines of dmesg may say why. A disk with errors stays read-only until fsck has run.",
            )
        console.emit(Event("note", "the root file system is writable during the job, and read-only again after it"))
    if "dev/null" not in files:
        attempt.will_undo_mount(f"umount {root}/dev")
        await ask(attempt, f"mount -o bind /dev {root}/dev")


def _is_read_only(mounts: Sequence[Mount], root: str) -> bool:
    return any(mount.folder == root and "ro" in mount.options.split(",") for mount in mounts)
