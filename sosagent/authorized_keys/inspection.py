"""Find the file that sshd reads for a user, and inspect it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import EditRefused
from ..keys import PublicKey
from ..printable import printable
from ..shell.refusal import edit_refused
from ..shell.shell import Shell
from .key_file import SAFE_PATH, KeyFile
from .report import Report, parse_report
from .sshd_rules import keys_path

__all__ = ["inspect", "inspect_and_append", "unsafe_path", "with_link_targets"]


async def inspect(shell: Shell, file: KeyFile, keys: Sequence[PublicKey]) -> tuple[Report, KeyFile]:
    """Find the file that sshd reads, and report which of `keys` it contains.

    Returns:
        The report, and `file` with the path found.

    Raises:
        EditRefused: there is no such user or home, sshd reads no file of this user alone, or the file
            cannot be read.
    """
    return await _inspect(shell, file, keys, append_at_once=False)


async def inspect_and_append(shell: Shell, file: KeyFile, keys: Sequence[PublicKey]) -> tuple[Report, KeyFile]:
    """Do the same, and let the machine append `keys` in the same request unless something must be judged first.

    Returns, Raises:
        See `inspect`. If there was a write, the report has a `checksum_after`.
    """
    return await _inspect(shell, file, keys, append_at_once=True)


async def _inspect(
    shell: Shell, file: KeyFile, keys: Sequence[PublicKey], *, append_at_once: bool
) -> tuple[Report, KeyFile]:
    """Inspect the usual file first, ask sshd if its configuration is not plain, and inspect the file that it names."""
    report = parse_report((await shell.run(file.inspect(keys, ask_sshd=False, append_at_once=append_at_once))).lines)
    if not report.plain and report.checksum_after is None:
        report = parse_report((await shell.run(file.inspect(keys, ask_sshd=True, append_at_once=append_at_once))).lines)
    usual = f"{report.home}/.ssh/authorized_keys"
    if report.checksum_after is not None:
        # The keys are written, so no error may say that the machine refused.
        return report, replace(file, path=usual) if SAFE_PATH.fullmatch(usual) else file
    _refuse_missing_home(report, file.user)
    if not report.hostname:
        report = replace(report, hostname=(await shell.run("uname -n")).lines[0])
    path = keys_path(report, file.user)
    if path is None:
        setting = printable(report.sshd["authorizedkeysfile"])
        raise edit_refused(
            f"sshd reads no file of {file.user} alone: AuthorizedKeysFile {setting}",
            hint="A key in a file that all users share would allow logins as any of them.",
        )
    if not SAFE_PATH.fullmatch(path) or "/../" in path:
        raise unsafe_path(path)
    file = replace(file, path=path)
    if path != usual:
        text = file.inspect(keys, ask_sshd=True, append_at_once=False)
        report = replace(parse_report((await shell.run(text)).lines), hostname=report.hostname)
        report = await with_link_targets(shell, file, report)
    elif report.has_links:
        report = await with_link_targets(shell, file, report)
    _refuse_unreadable(report, path)
    return report, file


async def with_link_targets(shell: Shell, file: KeyFile, report: Report) -> Report:
    """Return `report` with the target of the file's link, and with all folders whose modes sshd checks."""
    paths = parse_report((await shell.run(file.ask("list_parents"))).lines).paths
    target = [info for info in paths[:1] if info.path == file.path]  # empty if the link is dangling
    others = [info for info in report.paths if info.path != file.path]
    return replace(report, paths=(*others, *target), checked_paths=paths[len(target) :])


def unsafe_path(path: str) -> EditRefused:
    """Return the error for a path that cannot be part of a program."""
    return edit_refused(f"the path {printable(path)!r} has characters that cannot be typed safely")


def _refuse_missing_home(report: Report, user: str) -> None:
    if not report.home.startswith("/"):
        raise edit_refused(f"the machine has no user {user}", hint="Check -u/--user.", complaints=report.complaints)
    if report.path(report.home) is None and any(line.endswith(f" {report.home}") for line in report.complaints):
        raise edit_refused(
            "the ls of this machine does not print what POSIX requires, so the file cannot be inspected",
            hint="Put the folder of another ls first in the default PATH of /bin/sh, or install coreutils or BusyBox.",
            complaints=report.complaints,
        )
    if report.path(report.home) is None:
        raise edit_refused(
            f"the home folder of {user}, {printable(report.home)}, does not exist",
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
