"""`sos-addkey HOST KEYFILE...`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..console.events import Event
from ..errors import SosError, UsageError
from ..keys import PublicKey
from ..printable import printable
from ..secret import find_password
from .endpoint import (
    HostArgument,
    HostKeyOption,
    IdentityOption,
    JsonOption,
    KnownHostsOption,
    SshConfigOption,
    TimeoutOption,
    VerboseOption,
    checked_timeout,
    endpoint,
)
from .run import Reported, VersionOption, ask_on_terminal, foreseen, run_job
from .show import Progress, error_json, result_json, show_error, show_result
from .sources import (
    AgentOption,
    AuthorityOption,
    KeyfileArgument,
    PrivateOption,
    Reading,
    YesOption,
    dressed,
    find_keys,
    time_of,
)

__all__ = ["addkey"]


def addkey(
    host: HostArgument,
    keyfile: KeyfileArgument = None,
    login: Annotated[
        str, typer.Option("-l", "--login", metavar="NAME", help="Log in at the console as NAME.")
    ] = "root",
    user: Annotated[
        str | None,
        typer.Option(
            "-u",
            "--user",
            metavar="NAME",
            help="Whose authorized_keys; the login's by default.",
            show_default=False,
        ),
    ] = None,
    identity: IdentityOption = None,
    ssh_config: SshConfigOption = None,
    known_hosts: KnownHostsOption = None,
    host_key: HostKeyOption = "strict",
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            metavar="FILE",
            help="Its first line is the machine's password.",
            show_default=False,
        ),
    ] = None,
    password_command: Annotated[
        str | None,
        typer.Option(
            "--password-command",
            metavar="COMMAND",
            help="It prints the machine's password.",
            show_default=False,
        ),
    ] = None,
    become: Annotated[
        str | None,
        typer.Option(
            "--become",
            metavar="sudo|su",
            help="How NAME becomes root, where the job needs that.",
            show_default=False,
        ),
    ] = None,
    become_password_file: Annotated[
        Path | None,
        typer.Option(
            "--become-password-file",
            metavar="FILE",
            help="What sudo or su ask for; the login's password by default.",
            show_default=False,
        ),
    ] = None,
    timeout: TimeoutOption = 120.0,
    agent: AgentOption = False,
    from_private: PrivateOption = False,
    yes: YesOption = False,
    comment: Annotated[
        str | None,
        typer.Option("--comment", metavar="TEXT", help="Instead of the keys' own.", show_default=False),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="OPTION", help="""Such as 'from="10.0.0.0/8"'.""", show_default=False),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires", metavar="TIME", help="2h, 3d or 2026-12-01T00:00Z: refused from then on.", show_default=False
        ),
    ] = None,
    restrict: Annotated[bool, typer.Option("--restrict", help="A shell, and nothing besides: no forwarding.")] = False,
    cert_authority: AuthorityOption = False,
    expect_host: Annotated[
        str | None,
        typer.Option(
            "--expect-host",
            metavar="NAME",
            help="The machine's name; compared with the console's before the password is typed.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("-n", "--dry-run", help="Say what would be appended and where; change nothing.")
    ] = False,
    take_over: Annotated[
        bool,
        typer.Option("--take-over", help="Discard what somebody left on the console, and log their shell out."),
    ] = False,
    remount: Annotated[
        bool, typer.Option("--remount", help="Make a read-only file system writable for the write, and put it back.")
    ] = False,
    allow_immutable: Annotated[
        bool, typer.Option("--allow-immutable", help="Take chattr +i off the file for the write, and put it back.")
    ] = False,
    fix_permissions: Annotated[
        bool,
        typer.Option("--fix-permissions", help="Mend owners and write permissions that sshd refuses; they stay so."),
    ] = False,
    continue_boot: Annotated[
        bool, typer.Option("--continue-boot", help="End a maintenance shell afterwards, so that the boot goes on.")
    ] = False,
    json: JsonOption = False,
    transcript: Annotated[
        Path | None,
        typer.Option(
            "--transcript",
            metavar="FILE",
            help="Record the console (asciicast v2), without secrets.",
            show_default=False,
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="No progress.")] = False,
    verbose: VerboseOption = False,
    version: VersionOption = False,
) -> None:
    """Add SSH public keys to a machine through its serial console.

    Logs in at the console with the machine's password (from --password-file, --password-command, the
    variable SOS_PASSWORD, or a prompt), appends the keys that are missing to the file that sshd
    reads, reads it back, and logs out again.
    """
    keys: list[PublicKey] = []
    progress = Progress(quiet=quiet, verbose=verbose)
    try:
        with foreseen(verbose):
            target = endpoint(host, identity, ssh_config, known_hosts, host_key)
            checked_timeout(timeout)
            way = _become(become)
            until = None if expires is None else time_of(expires)
            found = find_keys(keyfile or [], Reading(agent, from_private, cert_authority, yes))
            keys += dressed([one.key for one in found], comment, option or [], restrict)
            for one in found:
                for note in one.notes:
                    progress(Event("note", f"{one.where}: {note}"))
            password = find_password(
                file=password_file,
                command=password_command,
                prompt=f"{printable(login)}'s password on the machine: ",
            )
            become_password = None if become_password_file is None else find_password(file=become_password_file)
            from ..jobs.add_key import add_key

            result = run_job(
                add_key(
                    target,
                    keys,
                    password=password,
                    login=login,
                    user=user,
                    become=way,
                    become_password=become_password,
                    expect_host=expect_host,
                    take_over=take_over,
                    remount=remount,
                    allow_immutable=allow_immutable,
                    fix_permissions=fix_permissions,
                    continue_boot=continue_boot,
                    until=until,
                    dry_run=dry_run,
                    timeout=timeout,
                    transcript=transcript,
                    on_event=progress,
                    ask=ask_on_terminal(progress) if sys.stdin.isatty() else None,
                )
            )
    except SosError as error:
        progress.stop()
        if json:
            print(error_json(error, host=host, user=user or login, keys=keys))
        else:
            show_error(error)
        raise Reported(error.exit_code) from None
    progress.stop()
    if json:
        print(result_json(result))
    else:
        show_result(result)


def _become(text: str | None) -> Literal["sudo", "su"] | None:
    if text in (None, "sudo", "su"):
        return text  # type: ignore[return-value]
    raise UsageError(f"--become is sudo or su, not {printable(text or '', 60)!r}")
