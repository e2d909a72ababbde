"""Add public keys to a user's authorized_keys: look, append in one write, read back.

In the plain case the machine does all three in one go. Where anything is not plain (a key may be
there, the file is missing, sshd reads another one), it only looks, and what to do is decided here.

Adding never rewrites: one ``>>`` keeps what others add at the same time, and owner, mode, label
and links as they are. Presence is judged here, from the lines that the machine shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from ..access import Permissions
from ..console.events import Event
from ..errors import EditRefused, LineDamaged, NotVerified
from ..keys import PublicKey
from ..printable import printable
from ..shell.frame import EMPTY_CKSUM, cksum_appended
from ..shell.shell import Result, Shell
from .expiry import expiring
from .line import Presence, Verdict, judge
from .obstacles import cannot_write, left_lifted, lifted, mend_modes
from .programs import SAFE_PATH, Guard, Work, work_for
from .report import Looked, keys_path, obstacles, parse_look

__all__ = ["Appended", "KeyOutcome", "append_keys", "look_at"]

_TRIES = 3
#: Options that leave no shell behind a key.
_BLOCKING = ("command=", "cert-authority", "principals=")
#: Google's guest agent takes out the line behind this one, whatever it is; so there is one of ours between.
_GOOGLE = "# Added by Google"
_BEHIND_GOOGLE = "# The next lines were added on the serial console"

Outcome = Literal["added", "present", "would-add"]


@dataclass(frozen=True)
class KeyOutcome:
    """What became of one key.

    Fields:
        key: the key.
        result: ``added``, ``present`` or ``would-add``.
        options: those that stand in front of it in the file, if it was there already.
    """

    key: PublicKey
    result: Outcome
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Appended:
    """What the job did on the machine.

    Fields:
        file: the file that sshd reads.
        keys: one outcome for each key, in their order.
        before, after: number of key lines.
        hostname, machine_id: which machine it is.
        warnings: what would keep sshd from using the keys, in sentences.
        changes: what was mended besides, as commands, with what was there before.
    """

    file: str
    keys: tuple[KeyOutcome, ...]
    before: int
    after: int
    hostname: str
    machine_id: str | None
    warnings: tuple[str, ...]
    changes: tuple[str, ...] = ()


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
) -> Appended:
    """Add `keys` to the authorized_keys of `user`.

    Args:
        shell: on the machine.
        keys: at least one.
        user: whose authorized_keys; a name that `check_user` let through.
        own: whether the shell runs as `user`.
        logged_in: whether the login set ``$HOME`` just now; a shell that was found may have any.
        dry_run: only look.
        permissions: what may be lifted or mended besides; nothing by default.
        until: when sshd is to refuse them again.

    Returns:
        What the machine shows afterwards.

    Raises:
        EditRefused: nothing was changed, and why.
        NotVerified: something was written, and what was read back does not prove it.
    """
    if until is not None:
        keys = await expiring(shell, keys, until)
    run = _Append(shell, keys, work_for(user, own=own, logged_in=logged_in), dry_run, permissions or Permissions())
    try:
        return await run.go()
    except LineDamaged as error:
        if not run.written:
            raise
        raise NotVerified(error.message, state=error.state, tail=error.tail, hint=error.hint) from None


@dataclass
class _Append:
    """One job under way.

    Fields:
        shell, keys, work, dry_run, permissions: as for `append_keys`; `work` is refined as more is known.
        written: whether something may have been written.
        left: what was lifted for the write and could not be put back, as warnings.
    """

    shell: Shell
    keys: Sequence[PublicKey]
    work: Work
    dry_run: bool
    permissions: Permissions
    written: bool = False
    left: tuple[str, ...] = ()

    async def go(self) -> Appended:
        """Look, append, read back; again where somebody else wrote meanwhile, or something may be lifted."""
        emit, user = self.shell.console.emit, self.work.user
        overwritten = False
        for _ in range(_TRIES + 2):  # two things may be lifted
            emit(Event("start", f"look at the keys of {user}" if self.dry_run else f"append to the keys of {user}"))
            at_once = not self.dry_run and not self.work.guard.lift
            looked, self.work = await _look(self.shell, self.work, self.keys, and_append=at_once)
            self.written |= looked.after is not None or looked.failed
            if looked.after is not None and looked.through_links:
                looked = _walked(looked, self.work.path, await self.shell.run(self.work.ask("list_parents")))
            emit(Event("done", f"{_keys(looked.count)} before, in {printable(self.work.path)}"))
            verdicts = [judge(looked.lines, key) for key in self.keys]
            _refuse_blocked(self.keys, verdicts, self.work.path)
            judged = zip(self.keys, verdicts, strict=True)
            absent = [key for key, verdict in judged if verdict.presence is Presence.ABSENT]
            if self.dry_run or not absent:
                return await self._done(verdicts, looked, looked.count, "would-add")
            seen = await self._append(absent, looked)
            if isinstance(seen, Looked):
                emit(Event("done", f"added {len(absent)}, read back"))
                return await self._done(verdicts, seen, seen.count - len(absent), "added")
            overwritten |= seen == "overwritten"
        raise EditRefused(
            f"{printable(self.work.path)} was changed by somebody else each time that we "
            + ("appended" if overwritten else "were about to append"),
            state="our shell",
            hint="Find out what rewrites it (a configuration tool, an agent), then run again.",
        )

    async def _append(self, absent: Sequence[PublicKey], looked: Looked) -> Looked | Literal["again", "overwritten"]:
        """Write, unless that was done as it was looked at; what the machine shows then, or why to begin anew."""
        reply, first = looked, tuple[str, ...]()
        if looked.after is None and not looked.failed:
            first = await _in_between(self.shell, self.work, looked)
            reply, self.work = await _write(self.shell, self.work, absent, looked, first, self.permissions)
            self.written |= reply.after is not None or reply.failed
            self.left = left_lifted(self.work, reply)
            if reply.changed:
                return "again"  # somebody wrote in between
        if reply.failed:
            guard = await _taken_back(self.shell, self.work, absent, looked, reply, first, self.permissions)
            self.work = replace(self.work, guard=guard)
            return "again"
        seen = await _verified(self.shell, self.work, absent, looked, reply, first)
        if seen is None:
            note = "somebody else has written the file anew, without our line: trying again"
            self.shell.console.emit(Event("note", note))
            return "overwritten"
        return seen

    async def _done(self, verdicts: Sequence[Verdict], looked: Looked, before: int, absent: Outcome) -> Appended:
        changes: tuple[str, ...] = ()
        if self.permissions.fix_permissions and not self.dry_run:
            self.written = True
            looked, changes = await mend_modes(self.shell, self.work, looked)
        return _result(self.work, self.keys, verdicts, looked, before, absent, changes, self.left)


async def _in_between(shell: Shell, work: Work, looked: Looked) -> tuple[str, ...]:
    """What stands in front of our lines: a comment, where Google's agent would take out the first of them."""
    if _GOOGLE not in looked.lines:
        return ()
    last = parse_look((await shell.run(work.ask("last_line"))).lines).lines
    return (_BEHIND_GOOGLE,) if last == (_GOOGLE,) else ()


async def _write(
    shell: Shell, work: Work, keys: Sequence[PublicKey], looked: Looked, first: Sequence[str], permissions: Permissions
) -> tuple[Looked, Work]:
    """Append to a file that was looked at, or make it; lift what stands in the way, if that is allowed."""
    while True:
        reply = parse_look((await shell.run(work.append(keys, looked, first))).lines)
        for text in left_lifted(work, reply):
            shell.console.emit(Event("note", text))
        if reply.is_link and reply.changed:
            raise EditRefused(
                f"{printable(work.path)} is a link that leads nowhere", state="our shell", tail=reply.complaints
            )
        # A file that was missing and still cannot be read was not made; and what is lifted may not let itself be.
        unmade = reply.changed and looked.checksum is None and reply.complaints
        if not unmade and (reply.changed or reply.failed or reply.after is not None):
            return reply, work
        work = replace(work, guard=await lifted(shell, work, reply.complaints, permissions))


def _keys(count: int) -> str:
    return f"{count} key{'' if count == 1 else 's'}"


async def look_at(shell: Shell, work: Work, keys: Sequence[PublicKey]) -> tuple[Looked, Work]:
    """Only look: which file sshd reads, and what that holds of `keys`. See `append_keys`."""
    return await _look(shell, work, keys, and_append=False)


async def _look(shell: Shell, work: Work, keys: Sequence[PublicKey], *, and_append: bool) -> tuple[Looked, Work]:
    """Look until it is known which file sshd reads and what that holds.

    The usual file is looked at first; sshd is asked where its configuration is not plain, and the
    file that it names is looked at if it is another one.
    """
    looked = parse_look((await shell.run(work.look(keys, ask_sshd=False, and_append=and_append))).lines)
    if not looked.plain and looked.after is None:
        looked = parse_look((await shell.run(work.look(keys, ask_sshd=True, and_append=and_append))).lines)
    if looked.after is not None:
        # It was plain and is done: from here on, nothing may be called refused.
        usual = f"{looked.home}/.ssh/authorized_keys"
        return looked, replace(work, path=usual) if SAFE_PATH.fullmatch(usual) else work
    if not looked.home.startswith("/"):
        raise EditRefused(
            f"the machine knows no user {work.user}",
            state="our shell",
            hint="Check -u/--user.",
            tail=looked.complaints,
        )
    if looked.path(looked.home) is None:
        raise EditRefused(
            f"the home folder of {work.user}, {printable(looked.home)}, is not there",
            state="our shell",
            hint="Is its file system mounted? A key that is put in its place would vanish under the mount.",
            tail=looked.complaints,
        )
    if not looked.hostname:
        name = (await shell.run("uname -n")).lines[0]
        looked = replace(looked, hostname=name)
    path = keys_path(looked, work.user)
    if path is None:
        raise EditRefused(
            f"sshd reads no file of {work.user}'s own: AuthorizedKeysFile "
            + printable(looked.sshd["authorizedkeysfile"]),
            state="our shell",
            hint="A key in a file that all users share would let its owner in as anybody.",
        )
    if not SAFE_PATH.fullmatch(path) or "/../" in path:
        raise EditRefused(f"the path {printable(path)!r} is too unusual to be typed safely", state="our shell")
    work = replace(work, path=path)
    if path != f"{looked.home}/.ssh/authorized_keys":
        elsewhere = parse_look((await shell.run(work.look(keys, ask_sshd=True, and_append=False))).lines)
        looked = _walked(replace(elsewhere, hostname=looked.hostname), path, await shell.run(work.ask("list_parents")))
    elif looked.through_links:
        looked = _walked(looked, path, await shell.run(work.ask("list_parents")))
    _refuse_odd_file(looked, path)
    return looked, work


def _walked(looked: Looked, path: str, walk: Result) -> Looked:
    """`looked`, with what is behind its links, and every folder whose modes matter."""
    walked = parse_look(walk.lines).paths
    behind = [info for info in walked[:1] if info.path == path]  # missing where the link leads nowhere
    others = [info for info in looked.paths if info.path != path]
    return replace(looked, paths=(*others, *behind), chain=walked[len(behind) :])


async def _verified(
    shell: Shell, work: Work, added: Sequence[PublicKey], looked: Looked, reply: Looked, first: Sequence[str]
) -> Looked | None:
    """What the machine shows now: the old bytes as they were, each new line once, whole and usable.

    One checksum tells, if nobody else wrote: it is known what it must be. Else the file is looked at.
    None if none of our lines is there: somebody who had read the file before wrote it anew.
    """
    before = looked.checksum or EMPTY_CKSUM
    written = "".join(f"{line}\n" for line in (*first, *(key.line for key in added)))
    written = written if looked.ends_in_newline else f"\n{written}"
    as_foreseen = reply.after == cksum_appended(before, written.encode("utf-8"))
    if as_foreseen and looked.checksum is not None and work.own:
        return replace(looked, count=looked.count + len(added))
    seen = parse_look((await shell.run(work.verify(added, looked))).lines)
    lines = list(seen.lines)
    if seen.checksum is not None and not any(key.line in lines for key in added):
        return None
    problems = [
        f"the line of {key.fingerprint} does not stand there as it should"
        for key in added
        if lines.count(key.line) != 1 or judge(lines, key).options != key.options
    ]
    if seen.before != before:
        problems.append("what was in the file before is no longer the same")
    if problems:
        raise NotVerified(
            f"{printable(work.path)}: {'; '.join(problems)}",
            state="our shell",
            tail=[*seen.complaints, *lines],
        )
    return replace(
        seen,
        hostname=looked.hostname,
        machine_id=looked.machine_id,
        sshd=looked.sshd,
        chain=looked.chain,
        uid=looked.uid,
    )


def _refuse_odd_file(looked: Looked, path: str) -> None:
    info = looked.path(path)
    name = printable(path)
    if info is not None and info.kind != "-":
        raise EditRefused(f"{name} is not a regular file", state="our shell", tail=looked.complaints)
    if info is not None and looked.checksum is None:
        raise EditRefused(f"{name} cannot be read", state="our shell", tail=looked.complaints)
    if looked.holds_nul:
        raise EditRefused(
            f"{name} holds NUL bytes: it may be UTF-16, of which sshd reads nothing",
            state="our shell",
            hint="Look at it by hand; it is left as it is.",
        )


def _refuse_blocked(keys: Sequence[PublicKey], verdicts: Sequence[Verdict], path: str) -> None:
    for key, verdict in zip(keys, verdicts, strict=True):
        if verdict.presence is not Presence.RESTRICTED:
            continue
        blocking = [option for option in verdict.options if option.lower().startswith(_BLOCKING)]
        if blocking:
            raise EditRefused(
                f"{key.fingerprint} is in {printable(path)} already, behind {printable(', '.join(blocking), 120)}",
                state="our shell",
                hint="sshd takes the first line that holds a key, so adding it again would change nothing. "
                "Take that line out by hand, or use another key.",
            )


async def _taken_back(
    shell: Shell,
    work: Work,
    keys: Sequence[PublicKey],
    looked: Looked,
    reply: Looked,
    first: Sequence[str],
    permissions: Permissions,
) -> Guard:
    """The write failed: nothing of it may stay. Gives what is lifted for the next try, if that is allowed.

    Raises:
        EditRefused: there is no next try.
        NotVerified: a piece of the write stays.
    """
    before = looked.checksum or EMPTY_CKSUM
    if reply.after != before:
        cut = parse_look((await shell.run(work.cut_tail(keys, looked, first))).lines)
        for text in left_lifted(work, cut):
            shell.console.emit(Event("note", text))
        if cut.after != before:
            raise NotVerified(
                f"writing to {printable(work.path)} failed half way, and the piece could not be taken back",
                state="our shell",
                tail=reply.complaints,
                hint="Look at the end of the file: a torn line there is ours and can be removed.",
            )
    # dash says "I/O error" of a full disk, BusyBox nothing.
    usage = (await shell.run(f"df -P {work.path};df -Pi {work.path}")).lines
    full = any(" 100% " in line for line in usage)
    if not full and any("I/O error" in line for line in reply.complaints):
        reason = f"I/O error, though the file system is not full: a quota of {work.user}, or the disk"
        raise cannot_write(work.path, [*reply.complaints, *usage], reason)
    if full or not reply.complaints:
        reason = "the file system is full" if full else ""
        raise cannot_write(work.path, [*reply.complaints, *usage], reason or "it does not say why")
    return await lifted(shell, work, reply.complaints, permissions)


def _result(
    work: Work,
    keys: Sequence[PublicKey],
    verdicts: Sequence[Verdict],
    after: Looked,
    before: int,
    absent: Outcome,
    changes: tuple[str, ...],
    left: tuple[str, ...],
) -> Appended:
    limits = [
        f"{key.fingerprint} stands behind options: {printable(','.join(verdict.options), 160)}"
        for key, verdict in zip(keys, verdicts, strict=True)
        if verdict.presence is Presence.RESTRICTED
    ]
    limits += [
        f"{key.fingerprint} stands there already, without {printable(','.join(key.options), 160)}: "
        "sshd takes the first line that holds a key"
        for key, verdict in zip(keys, verdicts, strict=True)
        if verdict.presence is not Presence.ABSENT and not set(key.options) <= set(verdict.options)
    ]
    return Appended(
        work.path,
        tuple(
            KeyOutcome(key, absent if verdict.presence is Presence.ABSENT else "present", verdict.options)
            for key, verdict in zip(keys, verdicts, strict=True)
        ),
        before,
        after.count,
        printable(after.hostname, 80),
        after.machine_id,
        tuple(printable(text, 300) for text in [*left, *limits, *obstacles(after, work.user, work.path)]),
        tuple(printable(text, 300) for text in changes),
    )
