"""Remove keys from a file, and repair lines that sshd cannot read: a safe rewrite with a backup.

A copy in the same folder gets the new contents, is checked, and replaces the file in one step. So a crash
leaves either the old file or the new one. The checksum of the new contents is computed beforehand from
checksums alone. The old file is kept beside it, under a name with the time. Adding a key never rewrites the
file: see `append`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..access import Permissions
from ..console.events import Event
from ..file_change import FileChange
from ..keys import PublicKey
from ..printable import printable
from ..shell.checksums import read_by_shell
from ..shell.frame import EMPTY_CKSUM, cksum, cksum_replaced
from ..shell.programs import Expanded
from ..shell.refusal import edit_refused, not_verified
from ..shell.shell import Shell
from .edits import NO_REVIEW, Edit, Review
from .inspection import inspect, unsafe_path
from .key_file import KeyFile, is_typeable, key_file_of, printf_format
from .line import joined_at, parse_line
from .obstacles import cannot_write, not_restored, unlock_after
from .report import Report, parse_report

__all__ = ["Rewritten", "copy_commands", "counted_by", "edits_for", "remove_keys", "repair_keys", "replace_keys"]

_OFFSET = re.compile(rb"o (\d{1,15}) (\d{1,10} \d{1,15})")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
#: Patterns of `case` for lines that may contain two keys, or do not start with ASCII.
_SUSPICIOUS = r'*AAAA*ssh-*\ AAAA*|*AAAA*ecdsa-*\ AAAA*|*AAAA*sk-*\ AAAA*|"${l#[ -~]}"'


@dataclass(frozen=True)
class Rewritten:
    """The result of a rewrite.

    Fields:
        file: the file that sshd reads, with links resolved.
        backup: path of the old file; empty if nothing had to be changed.
        lines: the lines that were removed or repaired, as they were.
        change: what was shown before, or would be changed; None if nothing was shown.
    """

    file: str
    backup: str
    lines: tuple[str, ...]
    change: FileChange | None = None


@dataclass(frozen=True)
class _FileLine:
    """A line of the file: its offset, its bytes without newline, and the checksum of the part before it."""

    offset: int
    text: bytes
    prefix_cksum: str


async def remove_keys(
    shell: Shell,
    keys: Sequence[PublicKey],
    *,
    user: str,
    own: bool,
    logged_in: bool,
    permissions: Permissions | None = None,
    review: Review = NO_REVIEW,
) -> Rewritten:
    """Remove every line that sshd reads as one of `keys` from the authorized_keys of `user`.

    Args:
        shell, keys, user, own, logged_in, permissions: see `append_keys`.
        review: what happens before the change.

    Raises:
        NotConfirmed: the user did not confirm it.
        EditRefused: nothing was changed; the message gives the reason.
        NotVerified: the file is not as expected afterwards; the hint names the backup.
    """
    file = key_file_of(user, own=own, logged_in=logged_in)
    report, file = await inspect(shell, file, keys)
    edits = []
    for line in await _find_lines(shell, file, file.pattern_for(keys)):
        # A newer sshd may support options that sosagent does not know.
        entry = parse_line(line.text.decode("utf-8", "replace"), any_options=True)
        if entry is not None and any(entry.key.same_key(key) for key in keys):
            has_newline = line.offset + len(line.text) < report.length
            edits.append(Edit(line.offset, line.text + b"\n" * has_newline, b"", line.prefix_cksum))
    return await _rewrite(shell, file, report, edits, permissions or Permissions(), review)


async def replace_keys(
    shell: Shell,
    file: KeyFile,
    report: Report,
    keys: Sequence[PublicKey],
    absent: Sequence[PublicKey],
    permissions: Permissions,
) -> Rewritten:
    """Write `keys` in place of the first line with each of them, remove their other lines, and append `absent`.

    Args:
        shell, permissions: see `append_keys`.
        file, report, keys, absent: see `edits_for`.

    Raises:
        EditRefused, NotVerified: see `remove_keys`.
    """
    return await _rewrite(shell, file, report, await edits_for(shell, file, report, keys, absent), permissions)


async def edits_for(
    shell: Shell,
    file: KeyFile,
    report: Report,
    keys: Sequence[PublicKey],
    absent: Sequence[PublicKey],
    prefix: Sequence[str] = (),
) -> list[Edit]:
    """Return the changes by which a file gets `keys` in place of their lines, and `absent` at its end.

    Args:
        shell: see `append_keys`.
        file, report: from `inspect`.
        keys: keys that are in the file, with the options that they should have.
        absent: keys that are not in the file.
        prefix: lines to write before `absent`.

    Raises:
        EditRefused: lines would be replaced, and the file has other names.
    """
    if keys:
        _refuse_hard_links(report, file.path)
    edits: list[Edit] = []
    written: list[PublicKey] = []
    for line in await _find_lines(shell, file, file.pattern_for(keys)) if keys else ():
        entry = parse_line(line.text.decode("utf-8", "replace"), any_options=True)
        key = next((one for one in keys if entry is not None and one.same_key(entry.key)), None)
        if key is None:
            continue
        new = b"" if key in written else f"{key.line}\n".encode()
        written.append(key)
        has_newline = line.offset + len(line.text) < report.length
        edits.append(Edit(line.offset, line.text + b"\n" * has_newline, new, line.prefix_cksum))
    if absent:
        last = edits[-1] if edits and edits[-1].offset + len(edits[-1].old) == report.length else None
        text = "".join(f"{line}\n" for line in (*prefix, *(key.line for key in absent))).encode()
        newline = b"" if report.ends_in_newline or last else b"\n"
        if last:
            edits[-1] = replace(last, new=last.new + text)
        else:
            edits.append(Edit(report.length, b"", newline + text, report.checksum or EMPTY_CKSUM))
    return edits


async def repair_keys(
    shell: Shell, *, user: str, own: bool, logged_in: bool, permissions: Permissions | None = None
) -> Rewritten:
    """Repair lines that sshd cannot read: remove a byte order mark, and separate two keys that lack a newline.

    Args:
        shell, user, own, logged_in, permissions: see `append_keys`.

    Raises:
        EditRefused, NotVerified: see `remove_keys`.
    """
    file = key_file_of(user, own=own, logged_in=logged_in)
    report, file = await inspect(shell, file, ())
    edits = []
    for line in await _find_lines(shell, file, _SUSPICIOUS):
        if line.text.startswith(_BYTE_ORDER_MARK):
            edits.append(Edit(line.offset, _BYTE_ORDER_MARK, b"", line.prefix_cksum))
        elif (second_key := joined_at(line.text.decode("latin-1"))) is not None:
            new = line.text[:second_key] + b"\n" + line.text[second_key:]
            if re.fullmatch(rb"[\n -~]*", new):
                edits.append(Edit(line.offset, line.text, new, line.prefix_cksum))
    return await _rewrite(shell, file, report, edits, permissions or Permissions())


async def _find_lines(shell: Shell, file: KeyFile, pattern: str) -> list[_FileLine]:
    """Return the lines that match `pattern`, a pattern of `case`."""
    output = (await shell.run(file.find_lines(pattern))).output.split(b"\n")
    return [
        _FileLine(int(match[1]), text[1:], match[2].decode("ascii"))
        for position, text in itertools.pairwise(output)
        if (match := _OFFSET.fullmatch(position)) and text.startswith(b":")
    ]


async def _rewrite(
    shell: Shell,
    file: KeyFile,
    report: Report,
    edits: Sequence[Edit],
    permissions: Permissions,
    review: Review = NO_REVIEW,
) -> Rewritten:
    """Apply `edits`, which are in the order of their offsets, if the file is as in `report`."""
    file = replace(file, path=report.checked_paths[0].path if report.checked_paths else file.path)
    if not edits:
        return Rewritten(file.path, "", ())
    if not is_typeable(file.path):
        raise unsafe_path(file.path)
    _refuse_hard_links(report, file.path)
    lines = tuple(edit.old.decode("utf-8", "replace").rstrip("\n") for edit in edits)
    change = await review.before(shell, file, report, edits)
    if review.dry_run:
        return Rewritten(file.path, "", lines, change)
    return Rewritten(file.path, await _apply(shell, file, report, edits, permissions), lines, change)


async def _apply(shell: Shell, file: KeyFile, report: Report, edits: Sequence[Edit], permissions: Permissions) -> str:
    """Rewrite the file if it is as in `report`, and return the path of the old one."""
    want = was = report.checksum or EMPTY_CKSUM
    counted = await counted_by(shell)
    for edit in reversed(edits):  # in reverse order, so that the part before each one is still unchanged
        want = cksum_replaced(want, edit.prefix_cksum, counted(edit.old), counted(edit.new))
    while True:
        text = file.rewrite(was, want, report.length, Expanded(copy_commands(file.quoted_path, edits)))
        reply = await shell.run(text)
        after = parse_report(reply.lines)
        for warning in not_restored(file, after):
            shell.console.emit(Event("note", warning))
        if not after.failed or after.checksum_after != was:
            break
        file = replace(file, unlock=await unlock_after(shell, file, after.complaints, permissions))
    if after.changed:
        raise edit_refused(
            f"another program changed {printable(file.path)} at the same time; nothing was done", hint="Run again."
        )
    if after.checksum_after is None:
        raise cannot_write(file.path, after.complaints)
    backup = after.backup or "none"
    if after.checksum_after != want or after.changed_during_rewrite:
        raise not_verified(
            f"{printable(file.path)} is not as expected after the change",
            complaints=reply.lines,
            hint=f"Backup of the old file: {printable(backup)}. Another program may have appended at the same time.",
        )
    return backup


async def counted_by(shell: Shell) -> Callable[[bytes], bytes]:
    """Return what the cksum of the machine counts of some bytes: usually all of them; see `remote/crc.sh`."""
    if shell.checksum_tool in ("", "cksum"):
        return bytes
    counts_all = (await shell.run("printf '\\200'|cksum")).lines == [cksum(b"\x80")]
    return bytes if counts_all else read_by_shell


def _refuse_hard_links(report: Report, path: str) -> None:
    info = report.path(path) or (report.checked_paths[0] if report.checked_paths else None)
    if info is not None and info.links > 1:
        raise edit_refused(
            f"{printable(path)} has {info.links} hard links: a rewrite would leave the other names unchanged",
            hint="Edit the file in place. If one of the links ends in .sosagent. and a time, an interrupted run left "
            "it: remove that one.",
        )


def copy_commands(path: str, edits: Sequence[Edit]) -> str:
    """Return commands that print the file with `edits` applied.

    Args:
        path: the file, as a word of the shell.
        edits: the changes, in the order of their offsets.
    """
    commands: list[str] = []
    position = 0
    for edit in edits:
        length = edit.offset - position
        if length:
            commands.append(f"tail -c +{position + 1} {path}|head -c {length}")
        if edit.new:
            commands.append(f"printf {printf_format(edit.new.decode('utf-8'))}")
        position = edit.offset + len(edit.old)
    commands.append(f"tail -c +{position + 1} {path}")
    return ";".join(commands)
