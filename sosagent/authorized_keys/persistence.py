"""Whether a file of keys is lost when the machine restarts. No I/O."""

from __future__ import annotations

from ..file_systems import is_in_memory
from ..printable import printable
from .obstacle import Obstacle
from .report import Report

__all__ = ["loss_at_restart", "may_be_lost"]

_BLOCK = 1024
_OVERLAYS = ("overlay", "overlayfs", "aufs")


def may_be_lost(report: Report) -> bool:
    """Whether the mount of the file has to be looked at.

    The folders of ext4 consist of whole blocks. Those of tmpfs do not, and those of ramfs have the size 0. A folder
    that an overlay has changed has one link, as on Btrfs.
    """
    folders = (info for info in report.paths if info.kind == "d")
    return any(
        info.size is not None and (info.size == 0 or info.size % _BLOCK != 0 or info.links == 1) for info in folders
    )


def loss_at_restart(report: Report, path: str) -> Obstacle | None:
    """Return a warning if a file may be lost when the machine restarts; None if it persists.

    Args:
        report: the report of the machine, with the mounts if `may_be_lost`.
        path: the file.
    """
    mount = report.mount
    if mount is None:
        return None
    layer = report.upper if mount.kind == "overlay" else mount
    if layer is not None and is_in_memory(layer.kind, layer.source):
        return Obstacle(
            f"{path} is in memory ({printable(layer.kind, 20)} at {printable(layer.point, 80)}): the key is lost when "
            "the machine restarts. If this is a rescue or live system, its disk has another authorized_keys",
            refuses=False,
        )
    if layer is None or layer.kind in _OVERLAYS:
        return Obstacle(
            f"{path} is on an overlay, and it is not visible where that keeps changes: in memory, the key is lost when "
            "the machine restarts",
            refuses=False,
        )
    return None
