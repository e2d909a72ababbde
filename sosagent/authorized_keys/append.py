"""Add public keys to a user's authorized_keys: inspect the file, append in one write, read it back.

In the plain case the machine does all three in one request. If anything is not plain (a key may be
present, the file is missing, sshd reads another one), it only inspects, and the decision is made here.

Keys are never added by a rewrite: a single ``>>`` keeps what others add at the same time, and the file's
owner, mode, label and links. Whether a key is present is determined here, from the lines that the machine shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from ..access import Permissions
from ..console.events import Event
from ..errors import LineDamaged, NotVerified
from ..file_change import FileChange
from ..keys import PublicKey
from ..printable import printable
from ..shell.frame import EMPTY_CKSUM, cksum_appended
from ..shell.refusal import edit_refused, not_verified
from ..shell.shell import Shell
from .connections import Connection
from .edits import Review
from .expiry import check_times, expiring
from .inspection import examine, inspect, inspect_and_append, with_link_targets
from .key_file import KeyFile, Unlock, key_file_of
from .line import Presence, Verdict, judge
from .obstacles import cannot_write, fix_modes, not_restored, unlock_after
from .outcome import Appended, KeyOutcome, Outcome, effective, needs_replacing, refuse_blocked, restrictions
from .persistence import loss_at_restart
from .report import Report, parse_report
from .rewrite import counted_by, edits_for, replace_keys
from .sshd_rules import obstacles

__all__ = ["append_keys"]

_ANY = Connection()
_TRIES = 3
_REMOVABLE_OBSTACLES = 2  # a read-only mount, the immutable attribute; each takes one more try
#: Google's guest agent removes the line after this one, whatever it is. So a comment of ours goes in between.
_GOOGLE = "# Added by Google"
_AFTER_GOOGLE = "# The next lines were added on the serial console"


async def append_keys(
    shell: Shell,
    keys: Sequence[PublicKey],
    *,
    user: str,
    own: bool,
    logged_in: bool,
    dry_run: bool = False,
    permissions: Permissions | None = None,
    until: datetime | None = None,
    replace_lines: bool = False,
    connection: Connection = _ANY,
) -> Appended:
    """Add `keys` to the authorized_keys of `user`.

    Args:
        shell: a shell on the machine.
        keys: the keys to append, at least one.
        user: the owner of the file; a name that passed `check_user`.
        own: whether the shell runs as `user`.
        logged_in: whether we logged in, so that ``$HOME`` is right; an existing shell may have changed it.
        dry_run: only inspect.
        permissions: what may be changed besides; nothing by default.
        until: when sshd is to refuse the keys again.
        replace_lines: replace lines with the keys and other options, by a rewrite with a backup.
        connection: how the user's client reaches sshd, as far as it is known.

    Returns:
        The report of the machine afterwards.

    Raises:
        EditRefused: nothing was changed; the message gives the reason.
        NotVerified: something was written, and reading it back does not prove it.
    """
    await check_times(shell, keys)
    if until is not None:
        keys = await expiring(shell, keys, until)
    file = key_file_of(user, own=own, logged_in=logged_in)
    job = _Append(
        shell,
        keys,
        file,
        dry_run=dry_run,
        permissions=permissions or Permissions(),
        replace_lines=replace_lines,
        connection=connection,
    )
    try:
        return await job.run()
    except LineDamaged as error:
        if not job.may_have_written:
            raise
        hint = f"{error.hint} {NotVerified.default_hint}".lstrip()
        raise NotVerified(error.message, state=error.state, tail=error.tail, hint=hint) from None


class _Append:
    """One call of `append_keys`, whose arguments it has.

    Attributes:
        may_have_written: whether the file on the machine may have changed.
    """

    def __init__(
        self,
        shell: Shell,
        keys: Sequence[PublicKey],
        file: KeyFile,
        *,
        dry_run: bool,
        permissions: Permissions,
        replace_lines: bool,
        connection: Connection,
    ) -> None:
        self.may_have_written = False
        self._shell = shell
        self._keys = keys
        self._file = file  # completed as the path and the obstacles become known
        self._dry_run = dry_run
        self._permissions = permissions
        self._replace = replace_lines
        self._connection = connection
        self._overwritten = False  # another program replaced the file after we appended
        self._warnings: tuple[str, ...] = ()
        self._replaced: list[PublicKey] = []
        self._backup = ""
        self._change: FileChange | None = None  # what a dry run would change

    async def run(self) -> Appended:
        """Inspect, append and read back; again if another program wrote meanwhile or an obstacle may be removed."""
        for _ in range(_TRIES + _REMOVABLE_OBSTACLES):
            report = await self._inspect()
            verdicts = [judge(report.lines, key) for key in self._keys]
            judged = list(zip(self._keys, verdicts, strict=True))
            # What the machine appended at once was in no line before.
            if self._replace and report.checksum_after is None:
                self._replaced = [key for key, verdict in judged if needs_replacing(report.lines, key, verdict)]
            if self._replaced and not self._dry_run:
                return await self._rewrite(verdicts, report)
            if not self._replace:
                refuse_blocked(self._keys, verdicts, self._file.path)
            absent = [
                key for key, verdict in judged if verdict.presence is Presence.ABSENT and key not in self._replaced
            ]
            if self._dry_run:
                prefix = await self._prefix(report) if absent and not self._replaced else ()
                edits = await edits_for(self._shell, self._file, report, self._replaced, absent, prefix)
                self._change = await Review(dry_run=True).before(self._shell, self._file, report, edits)
            if self._dry_run or not absent:
                return await self._finish(verdicts, report, report.count, "would-add")
            after = await self._append(absent, report)
            if after is not None:
                self._emit("done", f"added {len(absent)}, read back")
                return await self._finish(verdicts, after, after.count - len(absent), "added")
        raise edit_refused(
            f"another program changed {printable(self._file.path)} "
            + ("after each append" if self._overwritten else "before each append"),
            hint="Find out what rewrites it (a configuration tool, an agent), then run again.",
        )

    async def _inspect(self) -> Report:
        """Inspect the file; the machine may append at once."""
        user = self._file.user
        self._emit("start", f"inspect the keys of {user}" if self._dry_run else f"append to the keys of {user}")
        only_inspect = self._dry_run or self._file.unlock.remove
        report, self._file = await (inspect if only_inspect else inspect_and_append)(
            self._shell, self._file, self._keys, self._connection
        )
        self.may_have_written |= report.checksum_after is not None or report.failed
        if report.checksum_after is not None and report.has_links:
            report = await with_link_targets(self._shell, self._file, report)
        plural = "" if report.count == 1 else "s"
        self._emit("done", f"{report.count} key{plural} before, in {printable(self._file.path)}")
        return report

    async def _append(self, absent: Sequence[PublicKey], report: Report) -> Report | None:
        """Write, unless the machine did so while it inspected the file.

        Returns:
            The report of the machine then; None to start again with an inspection.
        """
        reply, prefix = report, tuple[str, ...]()
        if report.checksum_after is None and not report.failed:
            prefix = await self._prefix(report)
            reply = await self._write(absent, report, prefix)
            self.may_have_written |= reply.checksum_after is not None or reply.failed
            self._warnings = not_restored(self._file, reply)
            if reply.changed:
                return None  # another program wrote after the inspection
        if reply.failed:
            unlock = await self._undo(absent, report, reply, prefix)
            self._file = replace(self._file, unlock=unlock)
            return None
        after = await self._verify(absent, report, reply, prefix)
        if after is None:
            self._emit("note", "another program replaced the file, without our line: trying again")
            self._overwritten = True
        return after

    async def _prefix(self, report: Report) -> tuple[str, ...]:
        """Return the lines to write before ours: a comment, if Google's agent would remove the first of them."""
        if _GOOGLE not in report.lines:
            return ()
        last = parse_report((await self._shell.run(self._file.ask("last_line"))).lines).lines
        return (_AFTER_GOOGLE,) if last == (_GOOGLE,) else ()

    async def _write(self, keys: Sequence[PublicKey], report: Report, prefix: Sequence[str]) -> Report:
        """Append to the inspected file, or create it; remove obstacles if that is permitted."""
        while True:
            reply = parse_report((await self._shell.run(self._file.append(keys, report, prefix))).lines)
            self._note_not_restored(reply)
            if reply.is_link and reply.changed:
                raise edit_refused(
                    f"{printable(self._file.path)} is a dangling symbolic link", complaints=reply.complaints
                )
            # A missing file that still cannot be read was not created. Removing an obstacle may have failed, too.
            not_created = reply.changed and report.checksum is None and reply.complaints
            if not not_created and (reply.changed or reply.failed or reply.checksum_after is not None):
                return reply
            unlock = await unlock_after(self._shell, self._file, reply.complaints, self._permissions)
            self._file = replace(self._file, unlock=unlock)

    async def _undo(self, keys: Sequence[PublicKey], report: Report, reply: Report, prefix: Sequence[str]) -> Unlock:
        """Undo a failed write.

        Returns:
            How to remove the obstacle for the next try.

        Raises:
            EditRefused: there is no next try.
            NotVerified: a part of the write remains.
        """
        before = report.checksum or EMPTY_CKSUM
        path = self._file.path
        if reply.checksum_after != before:
            undone = parse_report((await self._shell.run(self._file.undo_append(keys, report, prefix))).lines)
            self._note_not_restored(undone)
            if undone.checksum_after != before:
                raise not_verified(
                    f"writing to {printable(path)} failed in the middle, and the written part could not be removed",
                    complaints=reply.complaints,
                    hint="Look at the end of the file: an incomplete line there is ours and can be removed.",
                )
        # On a full disk dash prints "I/O error", and BusyBox nothing.
        usage = (await self._shell.run(f"df -P {path};df -Pi {path}")).lines
        full = any(" 100% " in line for line in usage)
        if not full and any("I/O error" in line for line in reply.complaints):
            reason = f"I/O error, though the file system is not full: a quota of {self._file.user}, or a faulty disk"
            raise cannot_write(path, [*reply.complaints, *usage], reason)
        if full or not reply.complaints:
            reason = "the file system is full" if full else "no reason reported"
            raise cannot_write(path, [*reply.complaints, *usage], reason)
        return await unlock_after(self._shell, self._file, reply.complaints, self._permissions)

    async def _verify(
        self, added: Sequence[PublicKey], report: Report, reply: Report, prefix: Sequence[str]
    ) -> Report | None:
        """Check that the old bytes are unchanged, and that each new line is there once, whole and usable.

        If no other program wrote, one checksum proves that, because its value is known. Otherwise the
        file is inspected.

        Returns:
            The report of the machine; None if none of our lines is there, because another program had
            read the file before and replaced it.
        """
        before = report.checksum or EMPTY_CKSUM
        text = "".join(f"{line}\n" for line in (*prefix, *(key.line for key in added)))
        new = (text if report.ends_in_newline else f"\n{text}").encode("utf-8")
        counted = await counted_by(self._shell)
        as_expected = reply.checksum_after == cksum_appended(before, counted(new))
        if as_expected and report.checksum is not None and self._file.own:
            return replace(report, count=report.count + len(added))
        after = parse_report((await self._shell.run(self._file.verify_append(added, report))).lines)
        if after.checksum is not None and not any(key.line in after.lines for key in added):
            return None
        _refuse_wrong_contents(self._file, added, before, after)
        after = replace(
            after,
            hostname=report.hostname,
            machine_id=report.machine_id,
            server=report.server,
            plain=report.plain,
            checked_paths=report.checked_paths,
            uid=report.uid,
        )
        # A file or a folder that was missing has its modes now.
        created = report.checksum is None and report.checked_paths
        return await with_link_targets(self._shell, self._file, after) if created else after

    async def _rewrite(self, verdicts: Sequence[Verdict], report: Report) -> Appended:
        """Replace lines with the keys by the requested ones, in one rewrite that also adds the keys that are absent."""
        self._emit("start", f"replace lines of {self._file.user}")
        self.may_have_written = True
        judged = zip(self._keys, verdicts, strict=True)
        absent = [key for key, verdict in judged if verdict.presence is Presence.ABSENT and key not in self._replaced]
        done = await replace_keys(self._shell, self._file, report, self._replaced, absent, self._permissions)
        self._backup = done.backup
        self._emit("done", f"replaced {len(self._replaced)}, read back")
        after, self._file = await inspect(self._shell, self._file, self._keys, self._connection)
        _refuse_wrong_contents(self._file, [*self._replaced, *absent], None, after)
        return await self._finish(verdicts, after, report.count, "added")

    async def _finish(self, verdicts: Sequence[Verdict], report: Report, before: int, absent: Outcome) -> Appended:
        """Fix modes if that is permitted, and return the result."""
        changes: tuple[str, ...] = ()
        judged = list(zip(self._keys, verdicts, strict=True))
        used = [effective(key, verdict, self._replaced) for key, verdict in judged]
        report = await examine(self._shell, self._file, report, used)
        if self._permissions.fix_permissions and not self._dry_run:
            self.may_have_written = True
            report, changes = await fix_modes(self._shell, self._file, report)
        kept = [(key, verdict) for key, verdict in judged if key not in self._replaced]
        unmet = list(restrictions(report.lines, [key for key, _ in kept], [verdict for _, verdict in kept]))
        found = obstacles(report, self._file.user, self._file.path, used)
        if (loss := loss_at_restart(report, self._file.path)) is not None:
            found.append(loss)
        problems = [one for one in (*found, *unmet) if one.refuses]
        return Appended(
            self._file.path,
            tuple(KeyOutcome(key, self._result(key, verdict, absent), verdict.options) for key, verdict in judged),
            before,
            report.count,
            printable(report.hostname, 80),
            report.machine_id,
            tuple(printable(text, 400) for text in (*self._warnings, *(one.sentence for one in (*unmet, *found)))),
            tuple(printable(text, 300) for text in changes),
            tuple(printable(one.sentence, 400) for one in found if one.refuses),
            tuple(printable(one.sentence, 400) for one in unmet if one.refuses),
            tuple(dict.fromkeys(printable(one.remedy, 300) for one in problems if one.remedy)),
            printable(self._backup),
            self._change,
        )

    def _result(self, key: PublicKey, verdict: Verdict, absent: Outcome) -> Outcome:
        if key in self._replaced:
            return "would-replace" if self._dry_run else "replaced"
        return absent if verdict.presence is Presence.ABSENT else "present"

    def _note_not_restored(self, reply: Report) -> None:
        for warning in not_restored(self._file, reply):
            self._emit("note", warning)

    def _emit(self, kind: Literal["start", "done", "note"], text: str) -> None:
        self._shell.console.emit(Event(kind, text))


def _refuse_wrong_contents(file: KeyFile, added: Sequence[PublicKey], before: str | None, after: Report) -> None:
    problems = [
        f"the line of {key.fingerprint} is not as it was written"
        for key in added
        if after.lines.count(key.line) != 1 or judge(after.lines, key).options != key.options
    ]
    if before is not None and after.prefix_checksum != before:
        problems.append("the previous contents have changed")
    if problems:
        raise not_verified(
            f"{printable(file.path)}: {'; '.join(problems)}", complaints=[*after.complaints, *after.lines]
        )
