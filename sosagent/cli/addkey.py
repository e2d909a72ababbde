"""`sos-addkey HOST KEYFILE...`"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, get_args

import typer

from ..errors import KeyInvalid, SosError, UsageError
from ..keys import PublicKey, parse_public_keys
from ..printable import printable
from ..secret import find_password
from ..target import HostKeyPolicy, parse_target
from .run import Reported, VersionOption, ask_on_terminal, foreseen, run_job
from .show import Progress, error_json, result_json, show_error, show_result

__all__ = ["addkey"]

_MOST_SECONDS = 24 * 3600


def addkey(
    host: Annotated[
        str,
        typer.Argument(
            metavar="HOST",
            help="The console's endpoint: user@host, user@host:port, ssh://user@host:port or a Host of ~/.ssh/config.",
            show_default=False,
        ),
    ],
    keyfile: Annotated[
        list[str],
        typer.Argument(metavar="KEYFILE...", help="Public key files; - is standard input.", show_default=False),
    ],
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
    identity: Annotated[
        list[Path] | None,
        typer.Option("-i", "--identity", metavar="FILE", help="Private key for the endpoint.", show_default=False),
    ] = None,
    ssh_config: Annotated[
        Path | None,
        typer.Option("-F", "--ssh-config", metavar="FILE", help="Instead of ~/.ssh/config.", show_default=False),
    ] = None,
    known_hosts: Annotated[
        Path | None,
        typer.Option("--known-hosts", metavar="FILE", help="The only file of trusted host keys.", show_default=False),
    ] = None,
    host_key: Annotated[
        str,
        typer.Option(
            "--host-key",
            metavar="strict|accept-new",
            help="What to do with an endpoint whose host key is not known. A changed one is always refused.",
        ),
    ] = "strict",
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
    timeout: Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="For the whole job.")] = 120.0,
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
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
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
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="More progress; a traceback on a bug.")] = False,
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
            if not 0 < timeout <= _MOST_SECONDS:
                raise UsageError(f"--timeout must be between 0 and {_MOST_SECONDS} seconds")
            target = parse_target(
                host,
                identities=tuple(identity or ()),
                ssh_config=ssh_config,
                known_hosts=known_hosts,
                host_key=_policy(host_key),
            )
            keys += _read_keys(keyfile)
            password = find_password(
                file=password_file,
                command=password_command,
                prompt=f"{printable(login)}'s password on the machine: ",
            )
            from ..jobs.add_key import add_key

            result = run_job(
                add_key(
                    target,
                    keys,
                    password=password,
                    login=login,
                    user=user,
                    expect_host=expect_host,
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


def _policy(text: str) -> HostKeyPolicy:
    for policy in get_args(HostKeyPolicy):
        if text == policy:
            return policy  # type: ignore[no-any-return]
    raise UsageError(f"--host-key is strict or accept-new, not {printable(text, 60)!r}")


def _read_keys(names: list[str]) -> list[PublicKey]:
    keys: list[PublicKey] = []
    for name in names:
        keys += [key for key in _read_file(name) if not any(key.same_key(earlier) for earlier in keys)]
    return keys


def _read_file(name: str) -> list[PublicKey]:
    if name == "-":
        if sys.stdin.isatty():
            print("Paste the public key, then Ctrl-D:", file=sys.stderr)
        return parse_public_keys(sys.stdin.buffer.read(), "-")
    try:
        with Path(name).open("rb") as opened:
            data = opened.read((1 << 20) + 1)
    except OSError as error:
        raise KeyInvalid(f"cannot read {printable(name)}: {error.strerror}") from None
    return parse_public_keys(data, name)
