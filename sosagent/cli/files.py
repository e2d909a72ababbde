"""`sosagent upload` and `sosagent download`: files to and from a machine, over its console."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import SosError, UsageError
from ..printable import printable
from .machine_options import MachineOptions
from .options import with_options
from .run import Reported
from .show import as_json, error_fields, show_error

if TYPE_CHECKING:
    from ..jobs.transfer import Transferred
    from .show import Progress

__all__ = ["download", "upload"]

_STANDARD = Path("-")  # standard output

RemoteArgument = Annotated[
    str,
    typer.Argument(metavar="REMOTE", help="The file on the machine: /path, or ~/path.", show_default=False),
]


@with_options(MachineOptions)
def upload(
    machine: MachineOptions,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file here.", show_default=False)],
    remote: RemoteArgument,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode",
            metavar="MODE",
            help="Of the file there, such as 0755; that of the one it replaces by default, or 0600.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Put a file on a machine over its console, compared and in one step. A transfer that was cut is gone on with."""

    def job(progress: Progress) -> Any:
        _check(machine)
        bits = _mode(mode)
        from ..jobs.transfer import upload as carry

        return carry(machine.access(progress), file, remote, mode=bits, on_progress=progress.count)

    _show(machine, machine.run(job, lambda error: as_json(_error_fields(machine, error))), "uploaded")


@with_options(MachineOptions)
def download(
    machine: MachineOptions,
    remote: RemoteArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="Where it goes here: - for standard output; by default its own name, in this folder."
        ),
    ] = None,
) -> None:
    """Get a file from a machine over its console, compared. A transfer that was cut is gone on with."""
    target = None if file == _STANDARD else file or Path(remote.rpartition("/")[2])

    def job(progress: Progress) -> Any:
        _check(machine)
        if target is None and machine.json:
            raise UsageError("--json and the file cannot both be on standard output", hint="Name a FILE.")
        from ..jobs.transfer import download as carry

        return carry(machine.access(progress), remote, target, on_progress=progress.count)

    done: Transferred = machine.run(job, lambda error: as_json(_error_fields(machine, error)))
    if target is not None:
        _show(machine, done, "downloaded")
        return
    try:
        sys.stdout.buffer.write(done.file.data or b"")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise  # who reads has seen enough, which is no error
    except OSError as error:
        failed = UsageError(f"cannot write to standard output: {error.strerror}", hint="Name a FILE elsewhere.")
        show_error(failed)
        raise Reported(failed.exit_code) from None
    for warning in done.warnings:
        print(f"warning: {printable(warning)}", file=sys.stderr)


def _check(machine: MachineOptions) -> None:
    machine.check()
    if machine.user is not None:
        raise UsageError(
            "--user says whose authorized_keys, and a file has none",
            hint="The file is read and written as the login's user, or as root with --become.",
        )


def _mode(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"0?[0-7]{3,4}", text, re.ASCII) or int(text, 8) > 0o7777:
        raise UsageError(f"--mode is three or four octal digits, such as 0644, not {printable(text, 60)!r}")
    return int(text, 8)


def _show(machine: MachineOptions, done: Transferred, what: str) -> None:
    file = done.file
    if machine.json:
        names = ("path", "size", "cksum", "sha256", "resumed_from", "bytes_sent", "bytes_received")
        fields = {name: getattr(file, name) for name in names}
        print(
            as_json(
                {"status": what, "host": done.host, **fields, "seconds": round(file.seconds, 3)}
                | {"warnings": list(done.warnings), "logged_out": done.logged_out, "error": None}
            )
        )
        return
    print(f"{what} {file.size:,} bytes, compared: {file.path}")
    print(f"  SHA-256 {file.sha256}" if file.sha256 else f"  cksum {file.cksum} (no sha256sum there)")
    for warning in done.warnings:
        print(f"  warning: {printable(warning)}")


def _error_fields(machine: MachineOptions, error: SosError) -> dict[str, Any]:
    notes = list(getattr(error, "__notes__", ()))
    return {"status": "failed", "host": machine.host, "warnings": notes, "error": error_fields(error)}
