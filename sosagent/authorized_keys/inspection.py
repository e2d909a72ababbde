"""Find the file that sshd reads for a user, and inspect it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace

from ..errors import EditRefused
from ..keys import PublicKey
from ..printable import printable
from ..shell.programs import Expanded, program
from ..shell.refusal import edit_refused
from ..shell.shell import Shell
from .connections import Connection, client_places
from .key_file import KeyFile, is_typeable, key_file_of
from .persistence import may_be_lost
from .report import PathInfo, Report, parse_groups, parse_report
from .server import Server, parse_server
from .sshd_rules import chroot_of, keys_path, revoked_keys_of
from .strict_modes import writing_groups

__all__ = ["examine", "inspect", "inspect_and_append", "unsafe_path", "with_link_targets"]

_ANY = Connection()

_NO_SU = re.compile(r"\bsu\b.*(?:not found|No such file)")
_SU = re.compile(r"\bsu: ")
#: How su calls a user who does not exist: util-linux and shadow, BusyBox, the BSDs, toybox.
_NO_USER = re.compile(r"does not exist|[Uu]nknown (?:user|login|id)|[Nn]o (?:passwd entry|such user)|su: user '")


async def inspect(
    shell: Shell, file: KeyFile, keys: Sequence[PublicKey], connection: Connection = _ANY
) -> tuple[Report, KeyFile]:
    """Find the file that sshd reads, and report which of `keys` it contains.

    Args:
        shell: a shell on the machine.
        file: the usual file.
        keys: the keys to look for.
        connection: how the user's client reaches sshd, as far as it is known.

    Returns:
        The report, and `file` with the path found.

    Raises:
        EditRefused: there is no such user or home, sshd reads no file of this user alone, or the file
            cannot be read.
    """
    return await _inspect(shell, file, keys, connection, append_at_once=False)


async def inspect_and_append(
    shell: Shell, file: KeyFile, keys: Sequence[PublicKey], connection: Connection = _ANY
) -> tuple[Report, KeyFile]:
    """Do the same, and let the machine append `keys` in the same request if everything is plain.

    Returns, Raises:
        See `inspect`. If there was a write, the report has a `checksum_after`.
    """
    return await _inspect(shell, file, keys, connection, append_at_once=file.may_be_plain)


async def _inspect(
    shell: Shell, file: KeyFile, keys: Sequence[PublicKey], connection: Connection, *, append_at_once: bool
) -> tuple[Report, KeyFile]:
    """Inspect the usual file first, ask sshd if its configuration is not plain, and inspect the file that it names."""
    report = parse_report((await shell.run(file.inspect(keys, append_at_once=append_at_once))).lines)
    if file.may_be_plain and not report.home.startswith("/"):
        # HOME is unset, empty or no path.
        file = key_file_of(file.user, own=True, logged_in=False)
        report = parse_report((await shell.run(file.inspect(keys))).lines)
    usual = f"{report.home.rstrip('/')}/.ssh/authorized_keys"
    if report.checksum_after is not None:
        # The keys are written, so no error may say that the machine refused.
        return report, replace(file, path=usual) if is_typeable(usual) else file
    _refuse_missing_user(report, file.user)
    if not report.plain:
        report = replace(report, server=await _ask_server(shell, file.user, connection))
    usual_home = file.home
    file, report = await _at_home(shell, file, report)
    if not report.hostname:
        report = replace(report, hostname=(await shell.run("uname -n")).lines[0])
    path = keys_path(report, file.user)
    if path is None:
        raise _no_file(report, file.user)
    if not is_typeable(path):
        raise unsafe_path(path)
    file = replace(file, path=path)
    if path != usual or file.home != usual_home or " " in path:  # a blank needs quotes
        elsewhere = parse_report((await shell.run(file.inspect(keys))).lines)
        report = replace(elsewhere, hostname=report.hostname, server=report.server, plain=report.plain)
    _refuse_missing_home(report, file)
    if path != usual or report.has_links:
        report = await with_link_targets(shell, file, report)
    _refuse_unreadable(report, path)
    return report, file


async def _ask_server(shell: Shell, user: str, connection: Connection) -> Server:
    """Ask sshd what it does with `connection`, and with the others that its configuration distinguishes."""
    asked = [connection]
    values = {"user": Expanded(user), "specs": Expanded(connection.spec)}
    lines = (await shell.run(program("ask_sshd", "inspect_account", **values))).lines
    server = parse_server(lines, asked)
    if not server.program.endswith("sshd"):
        return parse_server([*lines, *(await shell.run(program("find_ssh_server"))).lines], asked)
    if not server.answers:
        return server
    names = [*server.answers[0].all("allowusers"), *server.answers[0].all("denyusers")]
    asked += client_places(connection, server.config, names)
    if len(asked) == 1:
        return server
    values["specs"] = Expanded(" ".join(one.spec for one in asked))
    answers = parse_server((await shell.run(program("ask_sshd", **values))).lines, asked).answers
    return replace(server, answers=answers or server.answers)


async def examine(shell: Shell, file: KeyFile, report: Report, keys: Sequence[PublicKey]) -> Report:
    """Return `report` with more that decides about logins with `keys`: groups, revoked keys, a chroot, the mount."""
    if gids := writing_groups(report, file.path):
        text = program("inspect_groups", text=Expanded(" ".join(map(str, gids))))
        lines = (await shell.run(text)).lines
        version = next((line[2:] for line in lines if line.startswith("V ")), "")
        report = replace(report, groups=parse_groups(lines), openssh=version)
    if keys and (revoked := revoked_keys_of(report)):
        listed = Expanded(" ".join(f"{key.type} {key.base64}" for key in keys))
        lines = (await shell.run(program("check_revoked", text=revoked, lines=listed))).lines
        states = [line[2:] == "1" if line.startswith("k ") else None for line in lines if line[:2] in ("k ", "? ")]
        report = replace(report, revoked=dict(zip((key.base64 for key in keys), states, strict=False)))
    if folder := chroot_of(report, file.user):
        shell_there = report.server.account.shell if report.server and report.server.account else "/bin/sh"
        lines = (await shell.run(program("inspect_chroot", text=folder, part=shell_there))).lines
        report = replace(report, chroot=parse_report(lines).paths, shell_in_chroot="x" in lines)
    if may_be_lost(report):
        mounts = parse_report((await shell.run(file.ask("mount_options", as_user=False))).lines)
        report = replace(report, mount=mounts.mount, upper=mounts.upper)
    return report


async def with_link_targets(shell: Shell, file: KeyFile, report: Report) -> Report:
    """Return `report` with the target of the file's link, and with all folders whose modes sshd checks."""
    paths = parse_report((await shell.run(file.ask("list_parents"))).lines).paths
    target = [info for info in paths[:1] if info.path == file.path]  # empty if the link is dangling
    others = [info for info in report.paths if info.path != file.path]
    return replace(report, paths=(*others, *target), checked_paths=_once(paths[len(target) :]))


def _once(paths: Sequence[PathInfo]) -> tuple[PathInfo, ...]:
    return tuple({info.path: info for info in paths}.values())


def unsafe_path(path: str) -> EditRefused:
    """Return the error for a path that cannot be part of a program."""
    return edit_refused(f"the path {printable(path)!r} has characters that cannot be typed safely")


def _no_file(report: Report, user: str) -> EditRefused:
    answers = report.server.answers if report.server else ()
    setting = printable(answers[0].get("authorizedkeysfile")) if answers else ""
    return edit_refused(
        f"sshd reads no file of {user} alone: AuthorizedKeysFile {setting}",
        hint="A key in a file that all users share would allow logins as any of them.",
    )


def _refuse_missing_user(report: Report, user: str) -> None:
    if not report.home.startswith("/"):
        message, hint = f"the machine has no user {user}", "Check -u/--user."
        of_su = [line for line in report.complaints if _SU.search(line)]
        if any(map(_NO_SU.search, report.complaints)):
            message = f"the machine has no su, so the file of {user} cannot be changed with the rights of {user}"
            hint = f"Log in as {user}, or install su."
        elif of_su and not any(map(_NO_USER.search, of_su)):
            message = f"su on the machine cannot run a program as {user}"
            hint = f"Log in as {user} to change this file."
        raise edit_refused(message, hint=hint, complaints=report.complaints)
    if report.path(report.home) is None and any(line.endswith(f" {report.home}") for line in report.complaints):
        raise edit_refused(
            "the ls of this machine does not print what POSIX requires, so the file cannot be inspected",
            hint="Put the folder of another ls first in the default PATH of /bin/sh, or install coreutils or BusyBox.",
            complaints=report.complaints,
        )


async def _at_home(shell: Shell, file: KeyFile, report: Report) -> tuple[KeyFile, Report]:
    """Return both with the home folder that sshd uses: the one in passwd(5), whatever the profile made of HOME."""
    if report.server is None:
        return file, report
    home = report.home
    if report.server.account is not None:
        home = report.server.account.home or "/"
    elif file.may_be_plain:
        # Neither getent nor /etc/passwd has the user; the shell may know more.
        found = (await shell.run(f"echo ~{file.user}")).lines
        home = found[0] if found and found[0].startswith("/") else home
    if home.rstrip("/") == report.home.rstrip("/"):
        return file, report
    if not is_typeable(home):
        raise unsafe_path(home)
    return replace(file, home=shlex.quote(home)), replace(report, home=home)


def _refuse_missing_home(report: Report, file: KeyFile) -> None:
    account = report.server.account if report.server else None
    # Root cannot see each home of others, such as one on NFS.
    missing = file.own and account is not None and account.home_missing
    if missing or report.path(report.home) is None:
        raise edit_refused(
            f"the home folder of {file.user}, {printable(report.home)}, does not exist",
            hint="Is its file system mounted? A key written now would be hidden by a later mount.",
            complaints=report.complaints,
        )


def _refuse_unreadable(report: Report, path: str) -> None:
    info = report.path(path)
    name = printable(path)
    if info is not None and info.kind != "-":
        raise edit_refused(f"{name} is not a regular file", complaints=report.complaints)
    if info is not None and report.checksum is None:
        raise edit_refused(f"{name} cannot be read", complaints=report.complaints)
    if report.contains_nul:
        raise edit_refused(
            f"{name} contains NUL bytes: it may be UTF-16, which sshd cannot read",
            hint="Look at the file yourself; nothing was changed.",
        )
