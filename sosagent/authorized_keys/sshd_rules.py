"""The rules of sshd for authorized_keys: which file it reads, and what makes it refuse a key. No I/O."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from ..keys import PublicKey
from ..printable import printable
from .access_lists import refused_by
from .accounts import account_obstacles
from .connections import Connection
from .key_paths import expanded, key_patterns, path_of, unknown_token
from .key_rules import dropbear_key_obstacles, key_obstacles
from .match_blocks import first_in_match
from .obstacle import Obstacle
from .report import Report
from .server import Server, Settings
from .strict_modes import mode_faults

__all__ = ["chroot_of", "keys_path", "login_obstacles", "obstacles", "revoked_keys_of"]

_BYTE_ORDER_MARK = "\ufeff"
_DEFAULT_FILES = ".ssh/authorized_keys .ssh/authorized_keys2"
#: OpenWrt's dropbear reads this one for root (its patch pubkey_path).
_OPENWRT_FILE = "/etc/dropbear/authorized_keys"
_RESET = "`sosagent run reset-sshd HOST` replaces the configuration with one that lets keys in."
_FIX_MODES = "--fix-permissions corrects it."
#: Commands of ForceCommand that end at once.
_NO_COMMANDS = ("false", "nologin")
_WITH_GLOBS = (10, 0)  # release notes of OpenSSH 10.0: AuthorizedKeysFile may have wildcards
_FEW_TRIES = 3
#: Shells that getusershell(3) returns where /etc/shells is missing.
_SHELLS = ("/bin/sh", "/bin/csh")


def keys_path(report: Report, user: str, settings: Settings | None = None) -> str | None:
    """Return the file that sshd reads for `user` (sshd_config(5), AuthorizedKeysFile).

    Args:
        report: the report of the machine.
        user: the user.
        settings: those of one connection; by default the first that sshd was asked about.

    Returns:
        The first entry that belongs to this user alone; None if all users share every listed file, or
        the list is ``none``.
    """
    server = report.server or Server()
    uid = server.account.uid if server.account else report.uid or 0
    if server.is_dropbear and server.is_openwrt and uid == 0:
        return _OPENWRT_FILE
    answer = settings or (server.answers[0] if server.answers else None)
    value = answer.get("authorizedkeysfile", _DEFAULT_FILES) if answer else _DEFAULT_FILES
    patterns = key_patterns(value, server.config)
    return path_of(patterns, user=user, home=report.home.rstrip("/"), uid=uid, globs=server.number >= _WITH_GLOBS)


def chroot_of(report: Report, user: str) -> str:
    """Return the folder of ChrootDirectory for `user`, or an empty string."""
    server = report.server or Server()
    pattern = server.answers[0].get("chrootdirectory", "none") if server.answers else "none"
    if pattern.lower() == "none" or unknown_token(pattern):
        return ""
    uid = server.account.uid if server.account else 0
    return expanded(pattern, user=user, home=report.home, uid=uid)


def revoked_keys_of(report: Report) -> str:
    """Return the file of RevokedKeys, or an empty string."""
    server = report.server or Server()
    path = server.answers[0].get("revokedkeys", "none") if server.answers else "none"
    return "" if path.lower() == "none" else path


def login_obstacles(report: Report, user: str, path: str, keys: Sequence[PublicKey] = ()) -> list[str]:
    """Return sentences about what would make sshd refuse `user` in spite of a key in `path`, or restrict it."""
    return [one.sentence for one in obstacles(report, user, path, keys)]


def obstacles(report: Report, user: str, path: str, keys: Sequence[PublicKey] = ()) -> list[Obstacle]:
    """Return what would make sshd refuse `user` in spite of a key in `path`, or restrict it.

    Args:
        report: the report of the machine.
        user: the owner of the file.
        path: the file.
        keys: the keys, with the options that they have in the file.
    """
    server = report.server
    if server is None:
        found = list(_of_connection(report, Settings(Connection()), user, path, keys))
    elif server.is_dropbear:
        found = list(_of_dropbear(report, server, user, path, keys))
    elif not server.answers:
        found = [_without_answer(server, path), *_of_modes(report, user, path)]
    else:
        found = _of_connections(report, server, user, path, keys)
    if any(line.startswith(_BYTE_ORDER_MARK) for line in report.lines):
        sentence = "a line of the file starts with a byte order mark: sshd does not read that line"
        found.append(Obstacle(sentence, refuses=False))
    return list(dict.fromkeys(found))


def _without_answer(server: Server, path: str) -> Obstacle:
    usual = f"{path} is the usual one"
    if server.program and not server.as_root:
        sentence = f"sshd did not report which file it reads; {usual} (only root can ask it)"
        return Obstacle(sentence, "With --become sudo, sosagent can ask it.", refuses=False)
    if server.program and not server.complaints:
        sentence = f"the answer of sshd could not be read: the machine may lack grep, sed or head; {usual}"
        return Obstacle(sentence, refuses=False)
    if server.program:
        complaint = printable(server.complaints[0], 160) or "no reason reported"
        return Obstacle(
            f"sshd did not report which file it reads; {usual}. Its configuration is broken: {complaint}", _RESET
        )
    if server.running:
        name = printable(server.running[0].partition(" ")[0], 40)
        sentence = f"the SSH server of the machine is {name}, whose settings sosagent does not know; {usual}"
        return Obstacle(sentence, refuses=False)
    return Obstacle(f"no SSH server was found on the machine; {usual} of sshd", "Install one, such as openssh-server.")


def _of_connections(report: Report, server: Server, user: str, path: str, keys: Sequence[PublicKey]) -> list[Obstacle]:
    """Return the obstacles for the first connection, and from where the answer is another one."""
    first, *others = server.answers
    found = list(_of_connection(report, first, user, path, keys))
    refusals = [one for one in found if one.refuses]
    different: dict[str, list[str]] = {}
    accepted: list[str] = []
    for settings in others:
        own = [one for one in _of_connection(report, settings, user, path, keys) if one.refuses]
        words = printable(settings.connection.words, 80)
        if refusals and not own:
            accepted.append(words)
        for one in own:
            if not refusals:
                different.setdefault(one.sentence, []).append(words)
    client = first.connection.words or "other addresses"
    if accepted:
        found = [_but_from(one, client, accepted) if one in refusals else one for one in found]
    found += [
        Obstacle(f"for clients from {', '.join(places)}: {sentence}", refuses=False)
        for sentence, places in different.items()
    ]
    return found


def _but_from(refusal: Obstacle, client: str, places: Sequence[str]) -> Obstacle:
    return Obstacle(
        f"{refusal.sentence}, from {client}; it lets the key in from {', '.join(places)}",
        refusal.remedy,
    )


def _of_connection(
    report: Report, settings: Settings, user: str, path: str, keys: Sequence[PublicKey]
) -> Iterator[Obstacle]:
    """Yield the obstacles for one connection."""
    server = report.server
    account = server.account if server else None
    yield from _of_root(settings, user, account.uid if account else int(user != "root"), keys)
    if settings.get("pubkeyauthentication") == "no":
        yield Obstacle("sshd is set to PubkeyAuthentication no: it accepts no keys", _RESET)
    methods = settings.get("authenticationmethods", "any")
    if methods != "any" and "publickey" not in methods.split():
        yield Obstacle(f"sshd requires more than a key: AuthenticationMethods {methods}", _RESET)
    if reason := refused_by(settings, user, account.groups if account else None):
        yield Obstacle(f"sshd is set to {reason}: it will refuse {user}", _RESET)
    if server is not None and keys_path(report, user, settings) != path:
        value = settings.get("authorizedkeysfile", _DEFAULT_FILES)
        yield Obstacle(f"sshd does not read {path} first: AuthorizedKeysFile {value}")
    if settings.get("strictmodes") != "no":
        yield from _of_modes(report, user, path)
    for key in keys:
        yield from key_obstacles(settings, key)
    yield from _of_revoked(report, settings, user, keys)
    if account is not None:
        yield from account_obstacles(account, settings, user)
    yield from _of_session(report, settings, user)
    yield from _of_tries(settings)


def _of_root(settings: Settings, user: str, uid: int, keys: Sequence[PublicKey]) -> Iterator[Obstacle]:
    value = settings.get("permitrootlogin", "prohibit-password")
    if uid != 0:
        return
    if value == "no":
        yield Obstacle(f"sshd is set to PermitRootLogin no: it will refuse {user}", _RESET)
    forced = [key for key in keys if any(option.lower().startswith("command=") for option in key.options)]
    if value == "forced-commands-only" and (not keys or len(forced) < len(keys)):
        sentence = f"sshd is set to PermitRootLogin {value}: it will refuse {user} with a key that has no command="
        yield Obstacle(sentence, f"Add the key with --option command=..., or: {_RESET}")


def _of_modes(report: Report, user: str, path: str) -> Iterator[Obstacle]:
    for fault in mode_faults(report, user, path):
        yield Obstacle(fault.sentence, f"{_FIX_MODES} ({fault.command})")


def _of_revoked(report: Report, settings: Settings, user: str, keys: Sequence[PublicKey]) -> Iterator[Obstacle]:
    path = settings.get("revokedkeys", "none")
    if path.lower() == "none":
        server = report.server or Server()
        groups = server.account.groups if server.account else ()
        if first_in_match(server.config, "revokedkeys", settings.connection, user, groups) == path:
            sentence = "sshd takes RevokedKeys none in a Match block for a file's name, so it will refuse every key"
            yield Obstacle(sentence, "Remove that line from sshd's configuration.")
        return
    for key in keys:
        revoked = report.revoked.get(key.base64, False)
        if revoked is None:
            sentence = f"sshd cannot read {path} (RevokedKeys), so it will refuse every key"
            yield Obstacle(sentence, "Repair that file, or remove RevokedKeys from sshd's configuration.")
        elif revoked:
            yield Obstacle(f"{path} (RevokedKeys) lists {key.fingerprint}: sshd will refuse it", "Add another key.")


def _of_session(report: Report, settings: Settings, user: str) -> Iterator[Obstacle]:
    """Yield what happens after the key is accepted: ForceCommand and ChrootDirectory."""
    command = settings.get("forcecommand", "none")
    if command != "none":
        ends = command.split()[0].rpartition("/")[2] in _NO_COMMANDS if command.split() else False
        sentence = f"sshd is set to ForceCommand {command}: a login runs that, and no shell"
        yield Obstacle(sentence, _RESET if ends else "", refuses=ends)
    folder = chroot_of(report, user)
    if not folder:
        return
    faults = [one for one in report.chroot if one.uid != 0 or one.others_may_write or one.kind != "d"]
    if not any(one.path == folder for one in report.chroot):
        yield Obstacle(f"the folder of ChrootDirectory, {folder}, does not exist: every login ends at once", _RESET)
    elif faults:
        sentence = f"{faults[0].path} ({faults[0].modes}, uid {faults[0].uid}) is above or at ChrootDirectory"
        yield Obstacle(f"{sentence}: sshd ends every login, because others than root may write there", _RESET)
    elif command != "internal-sftp" and not report.shell_in_chroot:
        yield Obstacle(
            f"the shell of {user} does not exist in ChrootDirectory {folder}: every login ends at once", _RESET
        )


def _of_tries(settings: Settings) -> Iterator[Obstacle]:
    tries = settings.get("maxauthtries", "6")
    if tries == "0":
        yield Obstacle("sshd is set to MaxAuthTries 0: it refuses every login", _RESET)
    elif tries.isdigit() and int(tries) < _FEW_TRIES:
        sentence = (
            f"sshd is set to MaxAuthTries {tries}: the client must offer this key first (ssh -o IdentitiesOnly=yes)"
        )
        yield Obstacle(sentence, refuses=False)


def _of_dropbear(report: Report, server: Server, user: str, path: str, keys: Sequence[PublicKey]) -> Iterator[Obstacle]:
    """Yield what makes dropbear refuse the keys (dropbear(8); svr-auth.c, svr-authpubkey.c)."""
    words = [word for line in server.running for word in line.split()[2:]]
    flags = {word[1:] for word in words if word.startswith("-")}
    account = server.account
    if "w" in flags and (account.uid if account else int(user != "root")) == 0:
        yield Obstacle("dropbear runs with -w: it will refuse root", "Start it without -w.")
    if "t" in flags:
        yield Obstacle("dropbear runs with -t: it requires a password besides the key", "Start it without -t.")
    groups = [after for word, after in itertools.pairwise(words) if word == "-G"]
    if groups and account is not None and groups[0] not in account.groups:
        yield Obstacle(
            f"dropbear runs with -G {groups[0]}: it will refuse {user}", f"`usermod -aG {groups[0]} {user}` helps."
        )
    yield from _of_modes(report, user, path)
    for key in keys:
        yield from dropbear_key_obstacles(key)
    if account is not None and account.shell not in (server.shells or _SHELLS):
        sentence = f"the shell of {user}, {account.shell}, is not in /etc/shells: dropbear will refuse {user}"
        yield Obstacle(sentence, f"`usermod -s /bin/sh {user}` sets another one.")
    elif account is not None and account.shell_missing:
        sentence = f"the shell of {user}, {account.shell}, does not exist or cannot be run"
        yield Obstacle(sentence, f"`usermod -s /bin/sh {user}` sets another one.")
