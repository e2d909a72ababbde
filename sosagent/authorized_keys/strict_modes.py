"""The modes and owners for which sshd ignores a file of keys (misc.c, safe_path; StrictModes). No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from .report import PathInfo, Report

__all__ = ["ModeFault", "mode_faults", "writing_groups"]


@dataclass(frozen=True)
class ModeFault:
    """A mode or an owner that StrictModes of sshd rejects.

    Fields:
        path: the file or folder.
        sentence: a description for the user.
        command: the command that fixes it.
    """

    path: str
    sentence: str
    command: str


def mode_faults(report: Report, user: str, path: str) -> list[ModeFault]:
    """Return what StrictModes rejects of the file, its folders and the home."""
    own = _owner(report, user)
    faults: list[ModeFault] = []
    for info in _checked(report, path):
        effect = "with StrictModes sshd ignores the keys"
        if info.others_may_write and not _is_own_group(report, info, user, own):
            who = "other users" if info.modes[7] == "w" or info.gid is None else f"other users of group {info.gid}"
            faults.append(
                ModeFault(
                    info.path, f"{who} may write to {info.path} ({info.modes}): {effect}", f"chmod go-w {info.path}"
                )
            )
        if info.uid not in (0, own):
            sentence = f"{info.path} belongs to uid {info.uid}: {effect}"
            faults.append(ModeFault(info.path, sentence, f"chown {user} {info.path}"))
    return faults


def writing_groups(report: Report, path: str) -> list[int]:
    """Return the groups that may write to the file, its folders or the home, where nobody else may."""
    gids = (info.gid for info in _checked(report, path) if info.modes[4] == "w" and info.modes[7] != "w")
    return sorted({gid for gid in gids if gid is not None})


def _checked(report: Report, path: str) -> list[PathInfo]:
    usual = [report.path(name) for name in dict.fromkeys((report.home, path.rpartition("/")[0], path))]
    return [info for info in report.checked_paths or usual if info is not None and info.kind != "l"]


def _owner(report: Report, user: str) -> int:
    if report.uid is not None:
        return report.uid
    if report.server is not None and report.server.account is not None:
        return report.server.account.uid
    home = report.path(report.home)
    return home.uid if home and user != "root" else 0


def _is_own_group(report: Report, info: PathInfo, user: str, own: int) -> bool:
    """Whether Debian's sshd permits the group to write: the user is its only member (user-group-modes.patch)."""
    group = next((one for one in report.groups if one.gid == info.gid), None)
    if info.modes[7] == "w" or group is None or not report.debian_rule:
        return False
    if any(uid != own for _, uid in group.primary_of):
        return False
    owner = user if info.uid == own else "root"
    if group.members not in ((), (owner,)):
        return False
    return bool(group.members or group.primary_of)
