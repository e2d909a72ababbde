"""File systems whose contents are lost when the machine restarts. No I/O."""

from __future__ import annotations

__all__ = ["is_in_memory"]

_KINDS = ("rootfs", "ramfs", "tmpfs")
#: An old initrd is a file system on a RAM disk, and zram is compressed memory.
_DEVICES = ("/dev/ram", "/dev/zram")


def is_in_memory(kind: str, device: str = "") -> bool:
    """Whether a file system is in memory.

    Args:
        kind: its type, as in /proc/mounts.
        device: its source there.
    """
    return kind in _KINDS or device.startswith(_DEVICES)
