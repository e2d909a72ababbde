"""List the keys in a user's authorized_keys on a machine, and remove some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..access import Access, Permissions
from ..authorized_keys import rewrite
from ..authorized_keys.edits import NO_REVIEW, Review
from ..authorized_keys.inspection import examine, inspect
from ..authorized_keys.key_file import check_user, key_file_of
from ..authorized_keys.line import Entry, fingerprint_of, parse_line
from ..authorized_keys.sshd_rules import login_obstacles
from ..errors import KeyInvalid, UsageError
from ..file_change import Confirm, FileChange
from ..keys import PublicKey, parse_public_keys
from ..keys.from_patterns import has_names, nobody_because
from ..keys.option_values import is_utc, time_of
from ..keys.options import PERMISSIONS, permissions, value_of
from ..printable import printable
from ..session.machine import on_machine, rights_of, with_question
from ..session.root_shell import RootShell
from ..shell.refusal import edit_refused

__all__ = ["KeyListing", "KeysRemoved", "ListedKey", "classify_lines", "list_keys", "remove_in", "remove_keys"]

#: Options that limit a key to some addresses, to a command, or to a time.
_LIMITING = ("command=", "from=", "expiry-time=")
#: What the options permit, in words.
_PERMITTED = {
    "agent-forwarding": "agent forwarding",
    "port-forwarding": "port forwarding",
    "pty": "a terminal",
    "user-rc": "~/.ssh/rc",
    "x11-forwarding": "X11 forwarding",
}
#: Patterns of `case` for every line that is neither empty nor a comment. `inspect_keys.sh` always prints the lines that
#: do not start with ASCII.
_EVERY_LINE = r"[%-~]*|\ *"


@dataclass(frozen=True)
class ListedKey:
    """A line of the file that should contain a key.

    Fields:
        text: the line.
        entry: the key and options that sshd reads in it; None if it reads no key.
        why_not: a sentence about why the line allows no login; empty if it does.
        limits: sentences about what its options forbid, and about `faults`.
        faults: sentences about a weak or outdated key, and about parts of its options that have no effect.
    """

    text: str
    entry: Entry | None
    why_not: str = ""
    limits: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str | None:
        """The key's fingerprint (``SHA256:...``) as ``ssh-keygen -l`` prints it, also if sshd does not accept the line.

        For a certificate, which sshd does not accept in this file, it is that of the key in it, as with ``ssh-keygen``.
        None if the line contains no whole key.
        """
        return fingerprint_of(self.text)

    @property
    def allows_shell(self) -> bool:
        """Whether the key gives a shell from any address, without a time limit."""
        if self.entry is None or self.why_not or self.entry.key.type == "ssh-dss":
            return False
        return not any(option.lower().startswith(_LIMITING) for option in self.entry.options)


@dataclass(frozen=True)
class KeyListing:
    """The keys in a user's authorized_keys.

    Fields:
        host: the endpoint.
        user, file: the owner, and the file that sshd reads.
        hostname: the name that the machine reports.
        keys: the lines of the file in order, without comments.
        warnings: sentences about what would keep sshd from accepting any of them.
        logged_out: whether the console was seen to return to its initial state.
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
    """The result of removing keys.

    Fields:
        host, user, file, hostname, warnings, logged_out: as in `KeyListing`.
        removed: the lines removed, or that a dry run would remove; empty if none contained one of the keys.
        backup: path of the old file on the machine; empty if nothing was changed.
        remaining: how many lines give a shell from any address, without a time limit, after the change.
        change: the change of the file, if it was shown; None without a dry run and a question.
    """

    host: str
    user: str
    file: str
    hostname: str
    removed: tuple[str, ...]
    backup: str
    remaining: int
    warnings: tuple[str, ...]
    logged_out: bool
    change: FileChange | None = None


async def list_keys(access: Access, *, user: str | None = None) -> KeyListing:
    """Read the authorized_keys of `user` over the console, without changing anything.

    Args:
        access: how to reach the machine.
        user: the owner of the file; by default the user who logs in.

    Raises:
        SosError: any other failure.
    """
    owner = check_user(user or access.login)

    async def read(session: RootShell) -> KeyListing:
        return await _list_in(session, access, owner)

    done = await on_machine(access, read)
    return replace(done.value, host=done.host, logged_out=done.session.left)


async def remove_keys(
    access: Access,
    which: Sequence[str | PublicKey],
    *,
    user: str | None = None,
    force: bool = False,
    dry_run: bool = False,
    confirm: Confirm | None = None,
) -> KeysRemoved:
    """Remove keys from the authorized_keys of `user` by a safe rewrite with a backup.

    Args:
        access: how to reach the machine.
        which: keys, or fingerprints as printed by ``ssh-keygen -l`` (SHA256 or MD5).
        user: the owner of the file; by default the user who logs in.
        force: remove them even if no usable key remains.
        dry_run: only find out what would be removed.
        confirm: asks the user before the change. The file is changed only if it is as it was shown.

    Raises:
        NotConfirmed: the user did not confirm the change.
        UsageError: a fingerprint is invalid, or not in the file.
        EditRefused: nothing was changed; the message gives the reason.
        NotVerified: the file is not as expected afterwards; the hint names the backup.
    """
    owner = check_user(user or access.login)
    for one in which:
        if isinstance(one, str) and not one.startswith(("SHA256:", "MD5:")):
            raise UsageError(f"{printable(one, 80)!r} is not a fingerprint: those start with SHA256: or MD5:")

    async def remove(session: RootShell) -> KeysRemoved:
        return await remove_in(
            session, access, which, user=owner, force=force, permissions=access.permissions, review=review
        )

    review = Review(dry_run, confirm)
    if confirm is not None:
        access = with_question(access)
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
    review: Review = NO_REVIEW,
) -> KeysRemoved:
    """Remove keys in a shell that is open already; see `remove_keys`. `host` and `logged_out` are not set."""
    before = await _list_in(session, access, user)
    keys = _select(which, before)
    usable = [one for one in before.keys if one.allows_shell]
    remaining = [one for one in usable if not _is_one_of(one, keys)]
    if usable and not remaining and not force:
        raise edit_refused(
            f"no key that gives {user} a shell would remain", hint="Add another one first, or use --force."
        )
    rights = rights_of(access, session, user)
    done = await rewrite.remove_keys(session.shell, keys, **rights, permissions=permissions, review=review)
    return KeysRemoved(
        host="",
        user=user,
        file=done.file,
        hostname=before.hostname,
        removed=done.lines,
        backup=done.backup,
        remaining=len(remaining),
        warnings=before.warnings,
        logged_out=False,
        change=done.change,
    )


async def _list_in(session: RootShell, access: Access, user: str) -> KeyListing:
    file = replace(key_file_of(**rights_of(access, session, user)), pattern=_EVERY_LINE)
    report, file = await inspect(session.shell, file, ())
    report = await examine(session.shell, file, report, ())
    return KeyListing(
        host="",
        user=user,
        file=file.path,
        hostname=printable(report.hostname, 80),
        keys=classify_lines(report.lines, datetime.now(UTC)),
        warnings=tuple(printable(text, 400) for text in login_obstacles(report, user, file.path)),
        logged_out=False,
    )


def classify_lines(lines: Sequence[str], now: datetime) -> tuple[ListedKey, ...]:
    """Return what sshd reads in each line that is neither empty nor a comment.

    Args:
        lines: the lines of the file, in order.
        now: the time, for keys that expire.
    """
    listed: list[ListedKey] = []
    usable: list[PublicKey] = []
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = parse_line(line)
        if entry is None:
            listed.append(ListedKey(line, None, _why_no_key(line)))
            continue
        why_not, limits = _judge_options(entry.options, now)
        if any(entry.key.same_key(earlier) for earlier in usable):
            why_not = why_not or "an earlier line contains the same key, and sshd uses that line"
        elif not why_not:
            usable.append(entry.key)
        faults = entry.key.warnings if why_not else replace(entry.key, options=entry.options).warnings
        listed.append(ListedKey(line, entry, why_not, (*limits, *faults), faults))
    return tuple(listed)


def _why_no_key(line: str) -> str:
    """Return the reason why sshd reads no key in `line`, as far as it is known."""
    try:
        parse_public_keys(line, "the line", cert_authority=True)
    except KeyInvalid as error:
        return error.reason
    return "sshd reads no key in this line"


def _judge_options(options: Sequence[str], now: datetime) -> tuple[str, list[str]]:
    """Return why a key with `options` allows no login (empty if it does), and what they forbid."""
    permitted = permissions(options)
    limits = [f"without {_PERMITTED[name]}" for name in PERMISSIONS if name not in permitted]
    if not permitted:
        limits = ["without forwarding or a terminal"]
    why_not = ""
    for option in options:
        name, value = option.partition("=")[0].lower(), value_of(option)
        shown = printable(value, 120)
        if name == "cert-authority":
            why_not = "it belongs to an authority: it accepts certificates from that authority, not the key itself"
        elif name == "principals":
            why_not = why_not or "principals is for certificates only"
        elif name == "expiry-time":
            until = time_of(value)
            zone = "; sshd before 9.1 ignores the whole line" if is_utc(value) else " in the machine's time zone"
            if until is not None and until <= now:
                why_not = why_not or f"it expired at {shown}"
            else:
                limits.append(f"until {shown}{zone}")
        elif name == "from":
            why_not = why_not or nobody_because(value)
            limits.append(f"from {shown} only{', whose names need UseDNS yes' if has_names(value) else ''}")
        elif name == "command":
            limits.append(f"runs {shown!r} and nothing else")
    return why_not, limits


def _select(which: Sequence[str | PublicKey], listing: KeyListing) -> list[PublicKey]:
    """Return the keys in `which`, with the keys of the file for fingerprints."""
    keys: list[PublicKey] = []
    for one in which:
        if isinstance(one, PublicKey):
            keys.append(one)
            continue
        entries = (parse_line(listed.text, any_options=True) for listed in listing.keys)
        fingerprint = one.rstrip("=")
        key = next((e.key for e in entries if e is not None and fingerprint in (e.key.fingerprint, e.key.md5)), None)
        if key is None:
            raise UsageError(
                f"no line of {printable(listing.file)} contains {printable(one, 80)}",
                hint="`sosagent keys list` shows the keys in the file.",
            )
        keys.append(key)
    return keys


def _is_one_of(listed: ListedKey, keys: Sequence[PublicKey]) -> bool:
    return listed.entry is not None and any(listed.entry.key.same_key(key) for key in keys)
