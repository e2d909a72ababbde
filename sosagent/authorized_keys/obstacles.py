"""Obstacles to a write that may be removed if the user permits it, and modes that sshd refuses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..access import Permissions
from ..console.events import Event
from ..errors import EditRefused
from ..printable import printable
from ..shell.refusal import edit_refused
from ..shell.shell import Shell
from .key_file import SAFE_PATH, KeyFile, Unlock
from .report import Report, parse_report
from .strict_modes import mode_faults

__all__ = ["cannot_write", "fix_modes", "not_restored", "unlock_after"]

_CAUSE = re.compile(r"(?i)read-only|no space|full|denied|permitted|quota|not a directory")
_READ_ONLY = re.compile(r"(?i)read-only file ?system")
_NOT_PERMITTED = re.compile(r"(?i)operation not permitted")


async def unlock_after(shell: Shell, file: KeyFile, complaints: Sequence[str], permissions: Permissions) -> Unlock:
    """Return how to remove the obstacle that the complaints of a failed write name.

    Raises:
        EditRefused: it may not be removed, or is of another kind.
    """
    text = "\n".join(complaints)
    if _READ_ONLY.search(text):
        return await _remount(shell, file, complaints, permissions)
    if _NOT_PERMITTED.search(text):
        return await _clear_immutable(shell, file, complaints, permissions)
    raise cannot_write(file.path, complaints)


async def _remount(shell: Shell, file: KeyFile, complaints: Sequence[str], permissions: Permissions) -> Unlock:
    report = parse_report((await shell.run(file.ask("mount_options", as_user=False))).lines)
    mount = report.mount
    if mount is None or "ro" not in mount.options or not SAFE_PATH.fullmatch(mount.point):
        raise cannot_write(file.path, complaints)
    point = mount.point
    if not permissions.remount:
        raise cannot_write(
            file.path,
            complaints,
            f"{point} is mounted read-only",
            "--remount makes it writable for the write, and read-only again.",
        )
    shell.console.emit(Event("note", f"making {point} writable for the write, and read-only again after it"))
    bind = "bind," if "rw" in mount.super_options else ""  # otherwise the whole file system would end up read-only
    remove, restore = f"mount -o remount,{bind}rw {point}", f"sync;mount -o remount,{bind}ro {point}"
    return _with_more(file, complaints, remove, restore)


async def _clear_immutable(shell: Shell, file: KeyFile, complaints: Sequence[str], permissions: Permissions) -> Unlock:
    immutable = parse_report((await shell.run(file.ask("list_attributes"))).lines).immutable
    ours = (file.path, file.path.rpartition("/")[0])
    paths = " ".join(path for path in ours if path in immutable and SAFE_PATH.fullmatch(path))
    if not paths:
        raise cannot_write(file.path, complaints)
    if not permissions.allow_immutable:
        raise cannot_write(
            file.path,
            complaints,
            f"{paths} is immutable (chattr +i)",
            "--allow-immutable removes that attribute for the write, and sets it again.",
        )
    shell.console.emit(
        Event("note", f"removing the immutable attribute of {paths} for the write, then setting it again")
    )
    return _with_more(file, complaints, f"chattr -i {paths}", f"chattr +i {paths}")


def _with_more(file: KeyFile, complaints: Sequence[str], remove: str, restore: str) -> Unlock:
    if remove in file.unlock.remove:
        raise cannot_write(file.path, complaints)  # it was removed before, and that did not help
    return file.unlock.plus(remove, restore)


def cannot_write(path: str, complaints: Sequence[str], reason: str = "", remedy: str = "") -> EditRefused:
    """Return the error for a failed write.

    Args:
        path: the path of the file.
        complaints: error messages of the commands.
        reason: why it failed; by default the complaint that names a cause.
        remedy: what to do next.
    """
    relevant = [line for line in complaints if not line.startswith("ls:") and "/proc/" not in line]
    if not reason:
        default = relevant[0] if relevant else "no reason reported"
        reason = next((line for line in relevant if _CAUSE.search(line)), default)
        reason = re.sub(r"^\S+: (?:\d+: |line \d+: )*", "", reason)
    return edit_refused(
        f"the machine cannot write to {printable(path)}: {printable(reason, 160)}",
        complaints=complaints,
        hint=f"No key was lost. {remedy or 'Fix the cause on the console, then run again.'}",
    )


async def fix_modes(shell: Shell, file: KeyFile, report: Report) -> tuple[Report, tuple[str, ...]]:
    """Fix the modes and owners of the usual file, its folder and the home folder that StrictModes refuses.

    Nothing is fixed if a link is involved or the file is elsewhere, because the folders there do not
    belong to this user.

    Returns:
        The report of the machine afterwards, and the commands that took effect, with the state before each.
    """
    faults = mode_faults(report, file.user, file.path)
    if not faults or report.checked_paths or not all(SAFE_PATH.fullmatch(fault.path) for fault in faults):
        return report, ()
    chown = [fault.path for fault in faults if fault.command.startswith("chown")]
    chmod = [fault.path for fault in faults if fault.command.startswith("chmod")]
    reply = await shell.run(file.fix_modes(chown, chmod))
    if reply.status != 0:
        message = f"not all modes and owners could be fixed: {printable(' '.join(reply.lines), 200)}"
        shell.console.emit(Event("note", message))
    text = file.inspect(())
    report = replace(report, paths=parse_report((await shell.run(text)).lines).paths)
    remaining = {fault.command for fault in mode_faults(report, file.user, file.path)}
    fixed = (fault for fault in faults if fault.command not in remaining)
    return report, tuple(f"{fault.command} ({fault.sentence.partition(':')[0]})" for fault in fixed)


def not_restored(file: KeyFile, report: Report) -> tuple[str, ...]:
    """Return a warning if the protection removed for a write was not restored; otherwise nothing."""
    if not file.unlock.remove or (report.restored and not report.not_restored):
        return ()
    return (f"these commands to restore protection after the write failed: {'; '.join(file.unlock.restore)}",)
