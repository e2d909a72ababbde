"""What an authorized_keys on a machine holds, and taking keys out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..access import Access, Permissions
from ..authorized_keys.append import look_at
from ..authorized_keys.line import Entry, parse_line
from ..authorized_keys.programs import check_user, work_for
from ..authorized_keys.report import obstacles
from ..authorized_keys.rewrite import remove_keys as rewrite_without
from ..errors import EditRefused, KeyInvalid, UsageError
from ..keys import PublicKey, parse_public_keys
from ..keys.options import time_of, value_of
from ..printable import printable
from ..session.machine import on_machine, rights_of
from ..session.root_shell import RootShell

__all__ = ["KeyListing", "KeysRemoved", "ListedKey", "list_keys", "remove_in", "remove_keys"]

#: Behind these, a key lets in from a few addresses only, to run a command, or for a while.
_LIMITING = ("command=", "from=", "expiry-time=")
#: Every line that is neither empty nor a comment; those that begin with no ASCII are shown anyway (look.sh).
_EVERY_LINE = r"[%-~]*|\ *"


@dataclass(frozen=True)
class ListedKey:
    """One line of the file that is to hold a key.

    Fields:
        text: the line.
        entry: what sshd reads in it; None if it reads no key.
        why_not: why it lets nobody in by a key, in a sentence; empty if it does.
        limits: what its options allow less, in sentences.
    """

    text: str
    entry: Entry | None
    why_not: str = ""
    limits: tuple[str, ...] = ()

    @property
    def lets_in(self) -> bool:
        """Whether somebody gets a shell by it, from anywhere and for good."""
        if self.entry is None or self.why_not or self.entry.key.type == "ssh-dss":
            return False
        return not any(option.lower().startswith(_LIMITING) for option in self.entry.options)


@dataclass(frozen=True)
class KeyListing:
    """What was found.

    Fields:
        host: the endpoint.
        user, file: whose, and which file sshd reads.
        hostname: the machine's own name.
        keys: its lines in their order, without comments.
        warnings: what would keep sshd from using any of them.
        logged_out: whether the console was seen to be as it was found.
    """

    host: str
    user: str
    file: str
    hostname: str
    keys: tuple[ListedKey, ...]
    warnings: tuple[str, ...]
    logged_out: bool


@dataclass(frozen=True)
class KeysRemoved:
    """What was taken out.

    Fields:
        host, user, file, hostname, warnings, logged_out: as in `KeyListing`.
        removed: the lines, as they stood; empty if none held one of the keys.
        backup: the file as it was, on the machine; empty if nothing was changed.
        left: how many lines still let somebody in.
    """

    host: str
    user: str
    file: str
    hostname: str
    removed: tuple[str, ...]
    backup: str
    left: int
    warnings: tuple[str, ...]
    logged_out: bool


async def list_keys(access: Access, *, user: str | None = None) -> KeyListing:
    """Read the authorized_keys of `user` over the console; nothing is changed.

    Args:
        access: how to get to the machine.
        user: whose; the login's by default.

    Raises:
        SosError: one of its leaves.
    """
    whose = check_user(user or access.login)

    async def read(session: RootShell) -> KeyListing:
        return await _listed(session, access, whose)

    done = await on_machine(access, read)
    return replace(done.value, host=done.host, logged_out=done.session.left)


async def remove_keys(
    access: Access,
    which: Sequence[str | PublicKey],
    *,
    user: str | None = None,
    force: bool = False,
) -> KeysRemoved:
    """Take keys out of the authorized_keys of `user`, in the safe rewrite form, with a backup.

    Args:
        access: how to get to the machine.
        which: keys, or fingerprints as ``ssh-keygen -l`` shows them (SHA256 or MD5).
        user: whose; the login's by default.
        force: even if nobody could log in by a key afterwards.

    Raises:
        UsageError: a fingerprint is none, or no line holds it.
        EditRefused: nothing was changed, and why.
        NotVerified: the file is not what it must be; the error names the backup.
    """
    whose = check_user(user or access.login)
    for one in which:
        if isinstance(one, str) and not one.startswith(("SHA256:", "MD5:")):
            raise UsageError(f"{printable(one, 80)!r} is no fingerprint: it begins with SHA256: or MD5:")

    async def remove(session: RootShell) -> KeysRemoved:
        return await remove_in(session, access, which, user=whose, force=force, permissions=access.permissions)

    done = await on_machine(access, remove)
    return replace(done.value, host=done.host, logged_out=done.session.left)


async def remove_in(
    session: RootShell,
    access: Access,
    which: Sequence[str | PublicKey],
    *,
    user: str,
    force: bool = False,
    permissions: Permissions | None = None,
) -> KeysRemoved:
    """The same, in a shell that is open; host and the way back are not known yet."""
    before = await _listed(session, access, user)
    keys = _chosen(which, before)
    going = [one for one in before.keys if one.lets_in and _is_one_of(one, keys)]
    rest = [one for one in before.keys if one.lets_in and not _is_one_of(one, keys)]
    if going and not rest and not force:
        raise EditRefused(
            f"no key would be left that lets {user} in",
            state="our shell",
            hint="Add another one first, or say --force.",
        )
    done = await rewrite_without(session.shell, keys, **rights_of(access, session, user), permissions=permissions)
    return KeysRemoved("", user, done.file, before.hostname, done.lines, done.backup, len(rest), before.warnings, False)


async def _listed(session: RootShell, access: Access, user: str) -> KeyListing:
    work = replace(work_for(**rights_of(access, session, user)), piece=_EVERY_LINE)
    looked, work = await look_at(session.shell, work, ())
    return KeyListing(
        "",
        user,
        work.path,
        printable(looked.hostname, 80),
        examined(looked.lines, datetime.now(UTC)),
        tuple(printable(text, 300) for text in obstacles(looked, user, work.path)),
        False,
    )


def examined(lines: Sequence[str], now: datetime) -> tuple[ListedKey, ...]:
    """What sshd makes of each line that is neither empty nor a comment.

    Args:
        lines: of the file, in their order.
        now: for keys that end by themselves.
    """
    listed: list[ListedKey] = []
    seen: list[PublicKey] = []
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = parse_line(line)
        if entry is None:
            listed.append(ListedKey(line, None, _no_key(line)))
            continue
        why_not, limits = _of_options(entry.options, now)
        if any(entry.key.same_key(earlier) for earlier in seen):
            why_not = why_not or "an earlier line holds the same key, and sshd takes that one"
        elif not why_not:
            seen.append(entry.key)
        listed.append(ListedKey(line, entry, why_not, (*limits, *entry.key.warnings)))
    return tuple(listed)


def _no_key(line: str) -> str:
    """Why sshd reads no key there, as far as we can tell."""
    try:
        parse_public_keys(line, "it", cert_authority=True)
    except KeyInvalid as error:
        return error.message.partition(": ")[2] or error.message
    return "sshd reads no key in this line"


def _of_options(options: Sequence[str], now: datetime) -> tuple[str, list[str]]:
    """Why nobody gets in behind these options, and what they limit."""
    limits: list[str] = []
    why_not = ""
    for option in options:
        name, value = option.partition("=")[0].lower(), printable(value_of(option), 120)
        if name == "cert-authority":
            why_not = "it is an authority's: it lets in whoever has a certificate of it, not itself"
        elif name == "principals":
            why_not = why_not or "principals is for certificates only"
        elif name == "expiry-time":
            until = time_of(value)
            if until is not None and until <= now:
                why_not = why_not or f"its time was past at {value}"
            else:
                limits.append(f"until {value}")
        elif name == "from":
            limits.append(f"from {value} only")
        elif name == "command":
            limits.append(f"runs {value!r} and nothing else")
        elif name in ("restrict", "no-pty"):
            limits.append("without forwarding or a terminal" if name == "restrict" else "without a terminal")
    return why_not, limits


def _chosen(which: Sequence[str | PublicKey], listing: KeyListing) -> list[PublicKey]:
    keys: list[PublicKey] = []
    for one in which:
        if isinstance(one, PublicKey):
            keys.append(one)
            continue
        entries = (parse_line(listed.text, any_options=True) for listed in listing.keys)
        wanted = one.rstrip("=")
        found = [
            entry.key for entry in entries if entry is not None and wanted in (entry.key.fingerprint, entry.key.md5)
        ]
        if not found:
            raise UsageError(
                f"no line of {printable(listing.file)} holds {printable(one, 80)}",
                hint="`sosagent keys list` shows what is there.",
            )
        keys.append(found[0])
    return keys


def _is_one_of(listed: ListedKey, keys: Sequence[PublicKey]) -> bool:
    return listed.entry is not None and any(listed.entry.key.same_key(key) for key in keys)
