"""Add public keys to a user's authorized_keys: look, append in one write, read back.

In the plain case the machine does all three in one go. Where anything is not plain (a key may be
there, the file is missing, sshd reads another one), it only looks, and what to do is decided here.

Adding never rewrites: one ``>>`` keeps what others add at the same time, and owner, mode, label
and links as they are. Presence is judged here, from the lines that the machine shows.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..authorized_keys import Presence, Verdict, judge
from ..console.events import Event
from ..errors import EditRefused, NotVerified, UsageError
from ..keys import PublicKey
from ..printable import printable
from ..shell.frame import cksum_appended
from ..shell.programs import Expanded, Word, program, variables
from ..shell.shell import Shell
from .look import Looked, keys_path, obstacles, parse_look

__all__ = ["Appended", "KeyOutcome", "append_keys", "check_user"]

_EMPTY = "4294967295 0"  # what cksum says of an empty file
_PIECE = 12  # characters of a key's base64 that are looked for: 72 bits
_TRIES = 3
#: Plainly right is an append to a file that can be read, ends in a newline, holds none of our keys and is
#: the one that sshd reads: its length in lines, with nothing odd behind it, is its length.
_PLAINLY_RIGHT = f'"$z{variables("odd", "elsewhere")}" = "${{{variables("was")[1:]}#* }}"'
_FORM = r"%s\n"  # what printf makes of a key
#: Options that leave no shell behind a key.
_BLOCKING = ("command=", "cert-authority", "principals=", "expiry-time=")
_CAUSE = re.compile(r"(?i)read-only|no space|full|denied|permitted|quota|not a directory")
_SAFE_PATH = re.compile(r"/[\w./@%+,-]*", re.ASCII)
_SAFE_USER = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)

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
    """

    file: str
    keys: tuple[KeyOutcome, ...]
    before: int
    after: int
    hostname: str
    machine_id: str | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Work:
    """Whose file, and the programs that look at it and change it.

    Fields:
        user: whose keys.
        home: the shell's word for the home folder.
        own: whether the shell is this user's; else the file is touched as that user, by su, so
            that a link which the user put there leads nowhere that the user may not go.
        path: the file, as the shell's word for it.
    """

    user: str
    home: str
    own: bool
    path: str

    def look(self, keys: Sequence[PublicKey], *, ask_sshd: bool, and_append: bool) -> str:
        """Look at the file, and at sshd's configuration or what sshd makes of it.

        With `and_append`, where all is plain, `keys` are appended in the same go.
        """
        ask, told = ("sshd", "truth") if ask_sshd else ("config", "plain")
        text = self._program(keys, "look", told)
        if and_append:
            append = self._program(keys, "append", path=Expanded(variables("path")))
            text += f";[ {_PLAINLY_RIGHT} ]&&{{ {append};}}"
        return f"{program(ask, user=Expanded(self.user))}|{self._as_user(text)}"

    def append(self, keys: Sequence[PublicKey], looked: Looked) -> str:
        """Append `keys` if the file is as it was seen; make it if it was missing."""
        parts = ("create", "same", "append") if looked.checksum is None else ("same", "append")
        form = ("" if looked.ends_in_newline else r"\n") + _FORM * len(keys)
        return self._as_user(self._program(keys, *parts, form=Expanded(form), was=looked.checksum or _EMPTY))

    def verify(self, keys: Sequence[PublicKey], looked: Looked) -> str:
        """See what stands in the file, where its checksum alone did not tell."""
        return self._as_user(self._program(keys, "look", "verify", size=Expanded(str(looked.length))))

    def cut_tail(self, keys: Sequence[PublicKey], looked: Looked) -> str:
        """Take back what a failed write left."""
        newline = "" if looked.ends_in_newline else "echo;"
        text = Expanded(f"$({newline}printf '%s\\n' {_words(keys)})")
        return self._as_user(self._program(keys, "cut_tail", size=str(looked.length), text=text))

    def _program(self, keys: Sequence[PublicKey], *parts: str, **values: str) -> str:
        common = {
            "home": Expanded(self.home),
            "path": Word(self.path),
            "piece": Expanded("|".join(f"*{key.base64[-_PIECE - 4 : -4]}*" for key in keys)),
            "form": Expanded(_FORM * len(keys)),
            "lines": Expanded(_words(keys)),
        }
        return program(*parts, **(common | values))

    def _as_user(self, text: str) -> str:
        # su may set a locale, in which a shell counts characters and not bytes.
        as_user = f"LC_ALL=C su -s /bin/sh -c {shlex.quote(f'LC_ALL=C;{text}')} {self.user}"
        return f"{{ {text};}}" if self.own else as_user


def _words(keys: Sequence[PublicKey]) -> str:
    """The lines of `keys`, each a word of the shell."""
    return " ".join(shlex.quote(key.line) for key in keys)


def check_user(name: str) -> str:
    """Give `name` back if a system could have such a user; it goes into a command.

    Raises:
        UsageError: it could not.
    """
    if not _SAFE_USER.fullmatch(name):
        raise UsageError(f"{printable(name, 60)!r} is not a user name")
    return name


async def append_keys(
    shell: Shell, keys: Sequence[PublicKey], *, user: str, own: bool, logged_in: bool, dry_run: bool = False
) -> Appended:
    """Add `keys` to the authorized_keys of `user`.

    Args:
        shell: on the machine.
        keys: at least one.
        user: whose authorized_keys; a name that `check_user` let through.
        own: whether the shell runs as `user`.
        logged_in: whether the login set ``$HOME`` just now; a shell that was found may have any.
        dry_run: only look.

    Returns:
        What the machine shows afterwards.

    Raises:
        EditRefused: nothing was changed, and why.
        NotVerified: something was written, and what was read back does not prove it.
    """
    home = "$HOME" if own and logged_in else f"~{user}"
    work = _Work(user, home, own, f"{home}/.ssh/authorized_keys")
    tell = shell.console.tell
    for _ in range(_TRIES):
        tell(Event("start", f"look at the keys of {user}" if dry_run else f"append to the keys of {user}"))
        looked, work = await _look(shell, work, keys, and_append=not dry_run)
        tell(Event("done", f"{_keys(looked.count)} before, in {printable(work.path)}"))
        verdicts = [judge(looked.lines, key) for key in keys]
        _refuse_blocked(keys, verdicts, work.path)
        absent = [key for key, verdict in zip(keys, verdicts, strict=True) if verdict.presence is Presence.ABSENT]
        if dry_run or not absent:
            return _result(work, keys, verdicts, looked, looked.count, "would-add")
        if looked.after is None and not looked.failed:
            reply = parse_look((await shell.run(work.append(absent, looked))).lines)
            if reply.changed:
                _refuse_uncreated(reply, work.path, looked)
                continue  # somebody wrote in between: look again
        else:
            reply = looked
        if reply.failed:
            await _take_back(shell, work, absent, looked, reply)
        looked = await _verified(shell, work, absent, looked, reply)
        tell(Event("done", f"added {len(absent)}, read back"))
        return _result(work, keys, verdicts, looked, looked.count - len(absent), "added")
    raise EditRefused(
        f"{printable(work.path)} was changed by somebody else each time that we were about to append",
        state="our shell",
        hint="Find out what rewrites it (a configuration tool, an agent), then run again.",
    )


def _keys(count: int) -> str:
    return f"{count} key{'' if count == 1 else 's'}"


async def _look(shell: Shell, work: _Work, keys: Sequence[PublicKey], *, and_append: bool) -> tuple[Looked, _Work]:
    """Look until it is known which file sshd reads and what that holds.

    The usual file is looked at first; sshd is asked where its configuration is not plain, and the
    file that it names is looked at if it is another one.
    """
    looked = parse_look((await shell.run(work.look(keys, ask_sshd=False, and_append=and_append))).lines)
    if not looked.plain and looked.after is None:
        looked = parse_look((await shell.run(work.look(keys, ask_sshd=True, and_append=and_append))).lines)
    if looked.after is not None:
        # It was plain and is done: from here on, nothing may be called refused.
        return looked, replace(work, path=f"{looked.home or '~'}/.ssh/authorized_keys")
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
    if not _SAFE_PATH.fullmatch(path) or "/../" in path:
        raise EditRefused(f"the path {printable(path)!r} is too unusual to be typed safely", state="our shell")
    work = replace(work, path=path)
    if path != f"{looked.home}/.ssh/authorized_keys":
        elsewhere = parse_look((await shell.run(work.look(keys, ask_sshd=True, and_append=False))).lines)
        looked = replace(elsewhere, hostname=looked.hostname)
    _refuse_odd_file(looked, path)
    return looked, work


async def _verified(shell: Shell, work: _Work, added: Sequence[PublicKey], looked: Looked, reply: Looked) -> Looked:
    """What the machine shows now: the old bytes as they were, each new line once, whole and usable.

    One checksum tells, if nobody else wrote: it is known what it must be. Else the file is looked at.
    """
    before = looked.checksum or _EMPTY
    written = ("" if looked.ends_in_newline else "\n") + "".join(f"{key.line}\n" for key in added)
    as_foreseen = reply.after == cksum_appended(before, written.encode("ascii"))
    if as_foreseen and looked.checksum is not None and work.own:
        return replace(looked, count=looked.count + len(added))
    seen = parse_look((await shell.run(work.verify(added, looked))).lines)
    lines = list(seen.lines)
    problems = [
        f"the line of {key.fingerprint} does not stand there as it should"
        for key in added
        if lines.count(key.line) != 1 or judge(lines, key).presence is not Presence.USABLE
    ]
    if seen.before != before:
        problems.append("what was in the file before is no longer the same")
    if problems:
        raise NotVerified(
            f"{printable(work.path)}: {'; '.join(problems)}",
            state="our shell",
            tail=[*seen.complaints, *lines],
        )
    return replace(seen, hostname=looked.hostname, sshd=looked.sshd)


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
        blocking = [option for option in verdict.options if option.lower().startswith(_BLOCKING)]
        if blocking:
            raise EditRefused(
                f"{key.fingerprint} is in {printable(path)} already, behind {printable(', '.join(blocking), 120)}",
                state="our shell",
                hint="sshd takes the first line that holds a key, so adding it again would change nothing. "
                "Take that line out by hand, or use another key.",
            )


def _refuse_uncreated(after: Looked, path: str, looked: Looked) -> None:
    """A file that was missing and still cannot be read was not made: no reason to try again."""
    if after.is_link:
        raise EditRefused(f"{printable(path)} is a link that leads nowhere", state="our shell", tail=after.complaints)
    if looked.checksum is None and after.complaints:
        raise _cannot(path, after.complaints)


async def _take_back(shell: Shell, work: _Work, keys: Sequence[PublicKey], looked: Looked, reply: Looked) -> None:
    """The write failed: nothing of it may stay."""
    before = looked.checksum or _EMPTY
    if reply.after != before:
        after = parse_look((await shell.run(work.cut_tail(keys, looked))).lines).after
        if after != before:
            raise NotVerified(
                f"writing to {printable(work.path)} failed half way, and the piece could not be taken back",
                state="our shell",
                tail=reply.complaints,
                hint="Look at the end of the file: a torn line there is ours and can be removed.",
            )
    # dash says "I/O error" of a full disk, BusyBox nothing.
    usage = (await shell.run(f"df -P {work.path}")).lines
    full = ["the file system is full"] if re.search(r" 100% ", usage[-1]) else []
    raise _cannot(work.path, [*full, *reply.complaints, *usage])


def _cannot(path: str, complaints: Sequence[str]) -> EditRefused:
    told = [line for line in complaints if not line.startswith("ls:") and "/proc/" not in line]
    reason = next((line for line in told if _CAUSE.search(line)), told[0] if told else "")
    reason = printable(re.sub(r"^\S+: (?:\d+: |line \d+: )*", "", reason), 160)
    return EditRefused(
        f"the machine cannot write to {printable(path)}: {reason or 'it does not say why'}",
        state="our shell",
        tail=complaints,
        hint="Every key that was there is still there. "
        + (
            "--remount makes the file system writable for the job, and puts it back."
            if "read-only" in reason.lower()
            else "Mend the cause on the console, then run again."
        ),
    )


def _result(
    work: _Work,
    keys: Sequence[PublicKey],
    verdicts: Sequence[Verdict],
    after: Looked,
    before: int,
    absent: Outcome,
) -> Appended:
    limits = [
        f"{key.fingerprint} stands behind options: {printable(','.join(verdict.options), 160)}"
        for key, verdict in zip(keys, verdicts, strict=True)
        if verdict.presence is Presence.RESTRICTED
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
        tuple(printable(text, 300) for text in [*limits, *obstacles(after, work.user, work.path)]),
    )
