"""Add public keys to a user's authorized_keys: look, append in one write, read back.

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
from ..shell.programs import Expanded, program
from ..shell.shell import Shell
from .look import Looked, keys_path, obstacles, parse_look

__all__ = ["Appended", "KeyOutcome", "append_keys"]

_EMPTY = "4294967295 0"  # what cksum says of an empty file
_PIECE = 12  # characters of a key's base64 that are looked for: 72 bits
_TRIES = 3
#: Options that leave no shell behind a key.
_BLOCKING = ("command=", "cert-authority", "principals=", "expiry-time=")
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
    """Whose file, how it is reached.

    Fields:
        user: whose keys.
        home: the shell word for the home folder.
        own: whether the shell is this user's; else the file is touched as that user, by su, so
            that a link which the user put there leads nowhere that the user may not go.
    """

    user: str
    home: str
    own: bool

    def look(self, keys: Sequence[PublicKey], path: str | None) -> str:
        text = program(
            "look",
            home=Expanded(self.home),
            path=Expanded(path or f"{self.home}/.ssh/authorized_keys"),
            parts=" ".join(f"-e {key.base64[-_PIECE - 4 : -4]}" for key in keys),
            user=Expanded(self.user),
        )
        if self.own:
            return text
        variables, machine, file = text.split(":;")
        return f"{variables}{machine}{self._as_user(variables + file)}"

    def append(self, keys: Sequence[PublicKey], looked: Looked, look: str) -> str:
        missing = looked.checksum is None
        text = program(
            *(("create", "append") if missing else ("append",)),
            was=looked.checksum or _EMPTY,
            form=("" if looked.ends_in_newline else r"\n") + r"%s\n" * len(keys),
        )
        text = f"set -- {' '.join(shlex.quote(key.line) for key in keys)};{text}"
        return text if self.own else self._as_user(f"p={shlex.quote(look)};{text}")

    def cut_tail(self, keys: Sequence[PublicKey], looked: Looked, path: str) -> str:
        echoes = [] if looked.ends_in_newline else ["echo"]
        echoes += [f"echo {shlex.quote(key.line)}" for key in keys]
        written = Expanded(f'"$({";".join(echoes)})"')
        text = program("cut_tail", path=path, size=str(looked.length), text=written)
        return text if self.own else self._as_user(text)

    def _as_user(self, text: str) -> str:
        return f"su -s /bin/sh -c {shlex.quote(text)} {self.user}"


async def append_keys(
    shell: Shell, keys: Sequence[PublicKey], *, user: str, own: bool, logged_in: bool, dry_run: bool = False
) -> Appended:
    """Add `keys` to the authorized_keys of `user`.

    Args:
        shell: on the machine.
        keys: at least one.
        user: whose authorized_keys.
        own: whether the shell runs as `user`.
        logged_in: whether the login set ``$HOME`` just now; a shell that was found may have any.
        dry_run: only look.

    Returns:
        What the machine shows afterwards.

    Raises:
        UsageError: `user` is no name that a system could have.
        EditRefused: nothing was changed, and why.
        NotVerified: something was written, and what was read back does not prove it.
    """
    if not _SAFE_USER.fullmatch(user):
        raise UsageError(f"{printable(user, 60)!r} is not a user name")
    work = _Work(user, "$HOME" if own and logged_in else f"~{user}", own)
    tell = shell.console.tell
    for _ in range(_TRIES):
        tell(Event("start", f"look at the keys of {user}"))
        looked, path, look = await _look(shell, work, keys)
        verdicts = [judge((text for _, text in looked.lines), key) for key in keys]
        _refuse_blocked(keys, verdicts, path)
        missing = [key for key, verdict in zip(keys, verdicts, strict=True) if verdict.presence is Presence.ABSENT]
        tell(Event("done", f"{looked.count} key{'' if looked.count == 1 else 's'} before, in {printable(path)}"))
        if dry_run or not missing:
            return _result(work, keys, verdicts, path, looked, looked.count, "would-add")
        tell(Event("start", "append"))
        after = parse_look((await shell.run(work.append(missing, looked, look))).lines, with_machine=False)
        if after.changed:
            _refuse_uncreated(after, path, looked)
            continue  # somebody wrote in between: look again
        if after.failed:
            await _take_back(shell, work, missing, looked, after, path)
        _verify(after, looked, missing, path)
        after = replace(
            after, hostname=looked.hostname, home=looked.home, machine_id=looked.machine_id, sshd=looked.sshd
        )
        tell(Event("done", f"added {len(missing)}, read back"))
        return _result(work, keys, verdicts, path, after, looked.count, "added")
    raise EditRefused(
        f"{printable(path)} was changed by somebody else each time that we were about to append",
        state="our shell",
        hint="Find out what rewrites it (a configuration tool, an agent), then run again.",
    )


async def _look(shell: Shell, work: _Work, keys: Sequence[PublicKey]) -> tuple[Looked, str, str]:
    """Look at the usual file; once more if sshd reads another one. Gives the program's text too."""
    text = work.look(keys, None)
    looked = parse_look((await shell.run(text)).lines)
    if not looked.home.startswith("/"):
        raise EditRefused(
            f"the machine knows no user {work.user}", state="our shell", hint="Check -u/--user.", tail=looked.complaints
        )
    if looked.path(looked.home) is None:
        raise EditRefused(
            f"the home folder of {work.user}, {printable(looked.home)}, is not there",
            state="our shell",
            hint="Is its file system mounted? A key that is put in its place would vanish under the mount.",
            tail=looked.complaints,
        )
    path = keys_path(looked, work.user)
    if path is None:
        raise EditRefused(
            f"sshd reads no file of {work.user}'s own: AuthorizedKeysFile {printable(looked.sshd['authorizedkeysfile'])}",
            state="our shell",
            hint="A key in a file that all users share would let its owner in as anybody.",
        )
    if not _SAFE_PATH.fullmatch(path) or "/../" in path:
        raise EditRefused(f"the path {printable(path)!r} is too unusual to be typed safely", state="our shell")
    if path != f"{looked.home}/.ssh/authorized_keys":
        text = work.look(keys, path)
        looked = parse_look((await shell.run(text)).lines)
    _refuse_odd_file(looked, path)
    return looked, path, text


def _refuse_odd_file(looked: Looked, path: str) -> None:
    info = looked.path(path)
    name = printable(path)
    if info is None and looked.is_link:
        raise EditRefused(f"{name} is a link that leads nowhere", state="our shell", tail=looked.complaints)
    if info is not None and info.kind != "-":
        raise EditRefused(f"{name} is not a regular file", state="our shell", tail=looked.complaints)
    if info is not None and looked.checksum is None:
        raise EditRefused(f"{name} cannot be read", state="our shell", tail=looked.complaints)


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
    if looked.checksum is None and after.complaints:
        raise _cannot(path, after.complaints)


async def _take_back(
    shell: Shell, work: _Work, keys: Sequence[PublicKey], looked: Looked, after: Looked, path: str
) -> None:
    """The write failed: nothing of it may stay."""
    if after.checksum != looked.checksum:
        result = parse_look((await shell.run(work.cut_tail(keys, looked, path))).lines, with_machine=False)
        if result.checksum != (looked.checksum or _EMPTY):
            raise NotVerified(
                f"writing to {printable(path)} failed half way, and the piece could not be taken back",
                state="our shell",
                tail=after.complaints,
                hint="Look at the end of the file: a torn line there is ours and can be removed.",
            )
    raise _cannot(path, after.complaints)


def _cannot(path: str, complaints: Sequence[str]) -> EditRefused:
    reason = next((line for line in complaints if not line.startswith("ls:")), "")
    reason = printable(re.sub(r"^.*?: (?:\d+: |line \d+: )*", "", reason), 160)
    return EditRefused(
        f"the machine cannot write to {printable(path)}: {reason or 'it does not say why'}",
        state="our shell",
        tail=complaints,
        hint="Every key that was there is still there. Mend the cause on the console, then run again.",
    )


def _verify(after: Looked, looked: Looked, added: Sequence[PublicKey], path: str) -> None:
    """See that the old bytes are unchanged, and each new line is there once, whole and usable."""
    problems: list[str] = []
    if after.before != (looked.checksum or _EMPTY):
        problems.append("what was in the file before is no longer the same")
    lines = [text for _, text in after.lines]
    for key in added:
        if lines.count(key.line) != 1 or judge(lines, key).presence is not Presence.USABLE:
            problems.append(f"the line of {key.fingerprint} does not stand there as it should")
    if problems:
        raise NotVerified(
            f"{printable(path)}: {'; '.join(problems)}", state="our shell", tail=[*after.complaints, *lines]
        )


def _result(
    work: _Work, keys: Sequence[PublicKey], verdicts: Sequence[Verdict], path: str, after: Looked, before: int, absent: Outcome
) -> Appended:
    limits = [
        f"{key.fingerprint} stands behind options: {printable(','.join(verdict.options), 160)}"
        for key, verdict in zip(keys, verdicts, strict=True)
        if verdict.presence is Presence.RESTRICTED
    ]
    return Appended(
        path,
        tuple(
            KeyOutcome(key, absent if verdict.presence is Presence.ABSENT else "present", verdict.options)
            for key, verdict in zip(keys, verdicts, strict=True)
        ),
        before,
        after.count,
        printable(after.hostname, 80),
        after.machine_id,
        tuple(printable(text) for text in [*limits, *obstacles(after, work.user, path)]),
    )
