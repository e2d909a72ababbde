"""What stands in the way of a write and is lifted for it, if the user allows that; and modes that sshd refuses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..access import Permissions
from ..console.events import Event
from ..errors import EditRefused
from ..printable import printable
from ..shell.shell import Shell
from .programs import SAFE_PATH, Guard, Work
from .report import Looked, ModesFault, faults_of_modes, parse_look

__all__ = ["cannot_write", "left_lifted", "lifted", "mend_modes"]

_CAUSE = re.compile(r"(?i)read-only|no space|full|denied|permitted|quota|not a directory")
_READ_ONLY = re.compile(r"(?i)read-only file ?system")
_NOT_PERMITTED = re.compile(r"(?i)operation not permitted")


async def lifted(shell: Shell, work: Work, complaints: Sequence[str], permissions: Permissions) -> Guard:
    """A guard that lifts what the complaints of a failed write name.

    Raises:
        EditRefused: it may not be lifted, or there is nothing that could be.
    """
    text = "\n".join(complaints)
    if _READ_ONLY.search(text):
        found = parse_look((await shell.run(work.ask("mount_options", as_user=False))).lines)
        point, options, beneath = found.mount or ("", frozenset(), frozenset())
        if "ro" not in options or not SAFE_PATH.fullmatch(point):
            raise cannot_write(work.path, complaints)
        if not permissions.remount:
            raise cannot_write(
                work.path,
                complaints,
                f"{point} is mounted read-only",
                "--remount makes it writable for the write, and puts it back.",
            )
        shell.console.emit(Event("note", f"{point} is made writable for the write, and read-only again after it"))
        bind = "bind," if "rw" in beneath else ""  # else all of the file system would be read-only after it
        return _also(work, complaints, f"mount -o remount,{bind}rw {point}", f"sync;mount -o remount,{bind}ro {point}")
    if _NOT_PERMITTED.search(text):
        paths = parse_look((await shell.run(work.ask("list_attributes"))).lines).immutable
        ours = (work.path, work.path.rpartition("/")[0])
        safe = " ".join(path for path in ours if path in paths and SAFE_PATH.fullmatch(path))
        if safe and not permissions.allow_immutable:
            raise cannot_write(
                work.path,
                complaints,
                f"{safe} is immutable (chattr +i)",
                "--allow-immutable takes that off for the write, and puts it back.",
            )
        if safe:
            shell.console.emit(
                Event("note", f"chattr -i {safe}: it is immutable; that is taken off for the write, and put back")
            )
            return _also(work, complaints, f"chattr -i {safe}", f"chattr +i {safe}")
    raise cannot_write(work.path, complaints)


def _also(work: Work, complaints: Sequence[str], lift: str, put_back: str) -> Guard:
    if lift in work.guard.lift:
        raise cannot_write(work.path, complaints)  # it was lifted, and did not help
    return work.guard.with_also(lift, put_back)


def cannot_write(path: str, complaints: Sequence[str], reason: str = "", remedy: str = "") -> EditRefused:
    """The error for a write that failed, whose reason is among the complaints if it is not given."""
    told = [line for line in complaints if not line.startswith("ls:") and "/proc/" not in line]
    if not reason:
        reason = next((line for line in told if _CAUSE.search(line)), told[0] if told else "it does not say why")
        reason = re.sub(r"^\S+: (?:\d+: |line \d+: )*", "", reason)
    return EditRefused(
        f"the machine cannot write to {printable(path)}: {printable(reason, 160)}",
        state="our shell",
        tail=complaints,
        hint=f"Every key that was there is still there. {remedy or 'Mend the cause on the console, then run again.'}",
    )


async def mend_modes(shell: Shell, work: Work, looked: Looked) -> tuple[Looked, tuple[str, ...]]:
    """Mend what StrictModes refuses of the usual file, its folder and the home; only tell of all else.

    Nothing is mended where a link is in the way or the file is elsewhere: the folders there are not this user's.

    Returns:
        What the machine shows afterwards, and what was done, with what was there before.
    """
    faults = faults_of_modes(looked, work.user, work.path)
    if looked.chain or not all(SAFE_PATH.fullmatch(fault.path) for fault in faults) or not faults:
        return looked, ()
    chown = [fault.path for fault in faults if fault.command.startswith("chown")]
    chmod = [fault.path for fault in faults if fault.command.startswith("chmod")]
    reply = await shell.run(work.mend(chown, chmod))
    if reply.status != 0:
        shell.console.emit(Event("note", f"not all modes could be mended: {printable(' '.join(reply.lines), 200)}"))
    seen = parse_look((await shell.run(work.look((), ask_sshd=False, and_append=False))).lines)
    mended = {fault.command for fault in faults} - {
        fault.command for fault in faults_of_modes(replace(looked, paths=seen.paths), work.user, work.path)
    }
    return replace(looked, paths=seen.paths), tuple(_told(fault) for fault in faults if fault.command in mended)


def left_lifted(work: Work, reply: Looked) -> tuple[str, ...]:
    """What is still lifted after a write, as a warning; nothing if all was put back."""
    if not work.guard.lift or (reply.put_back and not reply.not_put_back):
        return ()
    return (f"not everything that was lifted for the write could be put back: {'; '.join(work.guard.put_back)}",)


def _told(fault: ModesFault) -> str:
    return f"{fault.command} ({fault.said.partition(':')[0]})"
