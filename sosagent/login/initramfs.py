"""In an initramfs: the machine's own root file system is mounted beside, and the job belongs there."""

from __future__ import annotations

from ..console.events import Event
from ..errors import EditRefused
from .dialogue import ask
from .visit import Layer, Visit

__all__ = ["in_initramfs", "open_root"]

_ROOTS = ("/root", "/sysroot")  # where initramfs-tools and dracut mount it


#: What only an initramfs has: dracut's and systemd's (os-release(5)), and that of initramfs-tools.
_ONLY_THERE = ("/etc/initrd-release", "/conf/conf.d")


async def in_initramfs(visit: Visit) -> bool:
    """Whether the shell at whose prompt we are is that of an initramfs: a key that is put there would be gone."""
    lines = await ask(visit, f"ls -1d {' '.join(_ONLY_THERE)}")
    return any(file in lines for file in _ONLY_THERE)


async def open_root(visit: Visit) -> None:
    """In an initramfs: find the machine's own root, and make it ready for a shell in it."""
    files = [f"{root}/{name}" for root in _ROOTS for name in ("etc/passwd", "dev/null")]
    lines = await ask(visit, f"ls -1d {' '.join(files)};grep -E ' ({'|'.join(_ROOTS)}) ' /proc/mounts")
    root = next((root for root in _ROOTS if f"{root}/etc/passwd" in lines), None)
    if root is None:
        raise visit.failed(
            EditRefused,
            "the machine is in its initramfs, and its root file system is not mounted",
            hint="Mount it by hand (such as: mount /dev/vda1 /root), then run again. What kept it from being "
            "mounted stands above that prompt.",
        )
    visit.chroot = root
    visit.layers.append(Layer.INITRAMFS)
    if _read_only(lines, root) and visit.entry.remount:
        visit.put_back.append(f"mount -o remount,ro {root}")
        if _read_only(await ask(visit, f"mount -o remount,rw {root};grep ' {root} ' /proc/mounts"), root):
            raise visit.failed(
                EditRefused,
                "the root file system cannot be remounted read-write",
                hint="The last lines of dmesg may say why; a disk with errors stays read-only until fsck has run.",
            )
        visit.console.tell(Event("note", "the root file system is writable for the job, and put back after it"))
    if f"{root}/dev/null" not in lines:
        visit.put_back.append(f"umount {root}/dev")
        await ask(visit, f"mount -o bind /dev {root}/dev")


def _read_only(lines: list[str], root: str) -> bool:
    """Whether a line of /proc/mounts among `lines` says so of `root`."""
    mounts = [line.split() for line in lines]
    return any(len(words) > 3 and words[1] == root and "ro" in words[3].split(",") for words in mounts)
