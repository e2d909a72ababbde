"""What stands in the way of a write and is lifted for it, if the user allows that; and modes that sshd refuses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..console.events import Event
from ..errors import ConsoleError, EditRefused
from ..printable import printable
from ..shell.shell import Shell
from .look import Looked, ModesFault, faults_of_modes, parse_look
from .work import SAFE_PATH, Guard, Work

__all__ = ["Allow", "cannot_write", "lifted", "mend_modes"]

_CAUSE = re.compile(r"(?i)read-only|no space|full|denied|permitted|quota|not a directory")
_READ_ONLY = re.compile(r"(?i)read-only file ?system")
_NOT_PERMITTED = re.compile(r"(?i)operation not permitted")


@dataclass(frozen=True)
class Allow:
    """What the user allows beyond appending.

    Fields:
        remount: make a file system that is mounted read-only writable for the write.
        immutable: take the immutable attribute (``chattr +i``) off for the write.
        permissions: mend modes and owners that sshd's StrictModes refuses. They stay mended.
    """

    remount: bool = False
    immutable: bool = False
    permissions: bool = False


async def lifted(shell: Shell, work: Work, complaints: Sequence[str], allow: Allow) -> Guard:
    """A guard that lifts what the complaints of a failed write name.

    Raises:
        EditRefused: it may not be lifted, or there is nothing that could be.
    """
    text = "\n".join(complaints)
    if _READ_ONLY.search(text):
        found = parse_look((await shell.run(work.ask("mount"))).lines)
        point, options = found.mount or ("", frozenset())
        if "ro" not in options or not SAFE_PATH.fullmatch(point):
            raise cannot_write(work.path, complaints)
        if not allow.remount:
            raise cannot_write(
                work.path,
                complaints,
                f"{point} is mounted read-only",
                "--remount makes it writable for the write, and puts it back.",
            )
        shell.console.tell(Event("note", f"{point} is made writable for the write, and read-only again after it"))
        return _also(work, complaints, f"mount -o remount,rw {point}", f"sync;mount -o remount,ro {point}")
    if _NOT_PERMITTED.search(text):
        paths = parse_look((await shell.run(work.ask("flags"))).lines).immutable
        safe = " ".join(path for path in paths if SAFE_PATH.fullmatch(path))
        if safe and not allow.immutable:
            raise cannot_write(
                work.path,
                complaints,
                f"{safe} is immutable (chattr +i)",
                "--allow-immutable takes that off for the write, and puts it back.",
            )
        if safe:
            shell.console.tell(
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
    """Mend what StrictModes refuses of the file, its folder and the home. Folders above those are left alone.

    Returns:
        What the machine shows afterwards, and what was done, with what was there before.
    """
    ours = (looked.home, work.path, work.path.rpartition("/")[0], *(info.path for info in looked.chain[:2]))
    faults = [
        fault
        for fault in faults_of_modes(looked, work.user, work.path)
        if fault.path in ours and SAFE_PATH.fullmatch(fault.path)
    ]
    if not faults:
        return looked, ()
    reply = await shell.run("&&".join(fault.command for fault in faults))
    try:
        walked = parse_look((await shell.run(work.ask("walk"))).lines)
    except ConsoleError as error:
        error.add_note(f"done before: {'; '.join(map(_told, faults))}")
        raise
    if reply.status != 0:
        shell.console.tell(Event("note", f"not all modes could be mended: {printable(' '.join(reply.lines), 200)}"))
    return replace(looked, chain=walked.paths[1:]), tuple(map(_told, faults)) if reply.status == 0 else ()


def _told(fault: ModesFault) -> str:
    return f"{fault.command} ({fault.said.partition(':')[0]})"
