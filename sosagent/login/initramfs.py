"""In an initramfs, the machine's own root file system is mounted in a folder, and the job belongs there."""

from __future__ import annotations

from ..console.events import Event
from ..errors import EditRefused
from .attempt import Attempt
from .probe import ask

__all__ = ["in_initramfs", "open_root"]

#: Where initramfs-tools and dracut mount the root file system.
_ROOTS = ("/root", "/sysroot")
#: Files that only an initramfs has: of dracut and systemd (os-release(5)), and of initramfs-tools.
_INITRAMFS_FILES = ("/etc/initrd-release", "/conf/conf.d")


async def in_initramfs(attempt: Attempt) -> bool:
    """Return whether the current shell is in an initramfs, where an added key would be lost."""
    lines = await ask(attempt, f"ls -1d {' '.join(_INITRAMFS_FILES)}")
    return any(file in lines for file in _INITRAMFS_FILES)


async def open_root(attempt: Attempt) -> None:
    """In an initramfs: find the machine's root file system, and prepare it for a shell in a chroot.

    Raises:
        EditRefused: it is not mounted, or cannot be made writable.
    """
    console = attempt.console
    files = [f"{root}/{name}" for root in _ROOTS for name in ("etc/passwd", "dev/null")]
    lines = await ask(attempt, f"ls -1d {' '.join(files)};grep -E ' ({'|'.join(_ROOTS)}) ' /proc/mounts")
    root = next((root for root in _ROOTS if f"{root}/etc/passwd" in lines), None)
    if root is None:
        raise console.error(
            EditRefused,
            "the machine is in its initramfs, and its root file system is not mounted",
            hint="Mount it yourself (such as: mount /dev/vda1 /root), then run again. The messages above that prompt "
            "say why it was not mounted.",
        )
    attempt.use_chroot(root)
    if _is_read_only(lines, root) and attempt.settings.permissions.remount:
        attempt.will_undo_mount(f"mount -o remount,ro {root}")
        lines_after = await ask(attempt, f"mount -o remount,rw {root};grep ' {root} ' /proc/mounts")
        if _is_read_only(lines_after, root):
            raise console.error(
                EditRefused,
                "the root file system cannot be remounted read-write",
                hint="The last lines of dmesg may say why. A disk with errors stays read-only until fsck has run.",
            )
        console.emit(Event("note", "the root file system is writable during the job, and read-only again after it"))
    if f"{root}/dev/null" not in lines:
        attempt.will_undo_mount(f"umount {root}/dev")
        await ask(attempt, f"mount -o bind /dev {root}/dev")


def _is_read_only(lines: list[str], root: str) -> bool:
    """Return whether a line of /proc/mounts in `lines` mounts `root` read-only."""
    mounts = [line.split() for line in lines]
    return any(len(words) > 3 and words[1] == root and "ro" in words[3].split(",") for words in mounts)
