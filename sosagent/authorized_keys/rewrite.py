"""Taking keys out of a file, and repairing lines that sshd cannot read: the safe rewrite, with a backup.

A copy in the same folder gets the new contents, is checked, and takes the file's place in one step; so a crash
leaves the old file or the new one. What the contents must be is known beforehand, from checksums alone. The old
file stays beside it, under a name with the time. Adding never does this: see `append`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..access import Permissions
from ..console.events import Event
from ..errors import EditRefused, NotVerified
from ..keys import PublicKey
from ..printable import printable
from ..shell.frame import cksum, cksum_replaced
from ..shell.programs import Expanded
from ..shell.shell import Shell
from .append import look_at
from .line import glued, parse_line
from .obstacles import cannot_write, left_lifted, lifted
from .programs import SAFE_PATH, Work, printf_form, work_for
from .report import Looked, parse_look

__all__ = ["Edit", "Rewritten", "remove_keys", "repair_keys"]

_STANDING = re.compile(rb"o (\d{1,15}) (\d{1,10} \d{1,15})")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: Lines that may hold two keys, or begin with what no key begins with.
_SUSPECT = r'*AAAA*ssh-*\ AAAA*|*AAAA*ecdsa-*\ AAAA*|*AAAA*sk-*\ AAAA*|"${l#[ -~]}"'


@dataclass(frozen=True)
class Edit:
    """One change to a file.

    Fields:
        offset: in bytes, where `old` begins.
        old, new: what stands there, and what is to; `new` is printable ASCII and newlines.
        before: what ``cksum`` prints of the part in front of it.
    """

    offset: int
    old: bytes
    new: bytes
    before: str


@dataclass(frozen=True)
class Rewritten:
    """What was done.

    Fields:
        file: the file that sshd reads, links resolved.
        backup: the old file; empty if nothing had to be changed.
        lines: what was taken out or repaired, as it stood.
    """

    file: str
    backup: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Standing:
    """A line in the file: where, its bytes without newline, and the checksum of what is before it."""

    offset: int
    line: bytes
    before: str


async def remove_keys(
    shell: Shell,
    keys: Sequence[PublicKey],
    *,
    user: str,
    own: bool,
    logged_in: bool,
    permissions: Permissions | None = None,
) -> Rewritten:
    """Take every line that sshd reads as one of `keys` out of the authorized_keys of `user`.

    Args:
        shell, keys, user, own, logged_in, permissions: as for `append_keys`.

    Raises:
        EditRefused: nothing was changed, and why.
        NotVerified: the file is not what it must be afterwards; the error names the backup.
    """
    work = work_for(user, own=own, logged_in=logged_in)
    looked, work = await look_at(shell, work, keys)
    edits = []
    for standing in await _find(shell, work, work.pattern(keys)):
        # A newer sshd may know options that we do not.
        entry = parse_line(standing.line.decode("utf-8", "replace"), any_options=True)
        if entry is not None and any(entry.key.same_key(key) for key in keys):
            edits.append(Edit(standing.offset, _with_newline(standing, looked), b"", standing.before))
    return await _rewrite(shell, work, looked, edits, permissions or Permissions())


async def repair_keys(
    shell: Shell, *, user: str, own: bool, logged_in: bool, permissions: Permissions | None = None
) -> Rewritten:
    """Make lines readable for sshd: take away a byte order mark, part keys that a missing newline has glued together.

    Args:
        shell, user, own, logged_in, permissions: as for `append_keys`.

    Raises:
        EditRefused, NotVerified: as for `remove_keys`.
    """
    work = work_for(user, own=own, logged_in=logged_in)
    looked, work = await look_at(shell, work, ())
    edits = []
    for standing in await _find(shell, work, _SUSPECT):
        line, at = standing.line, standing.offset
        if line.startswith(_BYTE_ORDER_MARK):
            edits.append(Edit(at, _BYTE_ORDER_MARK, b"", standing.before))
        elif (seam := glued(line.decode("latin-1"))) is not None:
            new = line[:seam] + b"\n" + line[seam:]
            if re.fullmatch(rb"[\n -~]*", new):
                edits.append(Edit(at, line, new, standing.before))
    return await _rewrite(shell, work, looked, edits, permissions or Permissions())


def _with_newline(standing: _Standing, looked: Looked) -> bytes:
    whole = standing.offset + len(standing.line) < looked.length
    return standing.line + (b"\n" if whole else b"")


async def _find(shell: Shell, work: Work, pattern: str) -> list[_Standing]:
    """The lines that fit `pattern`, with their places."""
    lines = (await shell.run(work.find(pattern))).output.split(b"\n")
    found = []
    for place, line in itertools.pairwise(lines):
        if (at := _STANDING.fullmatch(place)) and line.startswith(b":"):
            found.append(_Standing(int(at[1]), line[1:], at[2].decode("ascii")))
    return found


async def _rewrite(
    shell: Shell, work: Work, looked: Looked, edits: Sequence[Edit], permissions: Permissions
) -> Rewritten:
    """Make `edits`, in the order of their places, if the file is as it was seen."""
    work = replace(work, path=looked.chain[0].path if looked.chain else work.path)
    if not edits:
        return Rewritten(work.path, "", ())
    if not SAFE_PATH.fullmatch(work.path) or "/../" in work.path:
        raise EditRefused(f"the path {printable(work.path)!r} is too unusual to be typed safely", state="our shell")
    _refuse_unfit(looked, work.path)
    want = was = looked.checksum or cksum(b"")
    for edit in reversed(edits):  # what stands before the earlier ones stays as it is meanwhile
        want = cksum_replaced(want, edit.before, edit.old, edit.new)
    while True:
        reply = await shell.run(work.rewrite(was, want, looked.length, Expanded(_copy(work.path, edits))))
        after = parse_look(reply.lines)
        for text in left_lifted(work, after):
            shell.console.emit(Event("note", text))
        if not after.failed or after.after != was:
            break
        work = replace(work, guard=await lifted(shell, work, after.complaints, permissions))
    if after.changed:
        raise EditRefused(
            f"{printable(work.path)} was changed by somebody else meanwhile; nothing was done",
            state="our shell",
            hint="Run again.",
        )
    if after.after is None:
        raise cannot_write(work.path, after.complaints)
    backup = after.backup or "none"
    if after.after != want or after.overtaken:
        raise NotVerified(
            f"{printable(work.path)} is not what it must be after the change",
            state="our shell",
            tail=reply.lines,
            hint=f"The file as it was: {printable(backup)}. Somebody may have appended to it in the same moment.",
        )
    return Rewritten(work.path, backup, tuple(edit.old.decode("utf-8", "replace").rstrip("\n") for edit in edits))


def _refuse_unfit(looked: Looked, path: str) -> None:
    info = looked.path(path) or (looked.chain[0] if looked.chain else None)
    if info is not None and info.links > 1:
        raise EditRefused(
            f"{printable(path)} has {info.links} names (hard links): a rewrite would leave the others as they are",
            state="our shell",
            hint="Edit it by hand, in place. If one of them ends in .sosagent. and a time, a run that was cut left "
            "it: remove that one.",
        )


def _copy(path: str, edits: Sequence[Edit]) -> str:
    """Commands that print the file with `edits` made."""
    commands: list[str] = []
    position = 0
    for edit in edits:
        length = edit.offset - position
        if length:
            commands.append(f"tail -c +{position + 1} {path}|head -c {length}")
        if edit.new:
            commands.append(f"printf {printf_form(edit.new.decode('utf-8'))}")
        position = edit.offset + len(edit.old)
    commands.append(f"tail -c +{position + 1} {path}")
    return ";".join(commands)
