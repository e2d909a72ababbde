"""`sosagent upload` and `sosagent download`: copy files to and from a machine over its console."""

from __future__ import annotations

import re
import sys
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import SosError, UsageError
from ..printable import printable
from .exits import Reported
from .machine_options import LoginOnlyOptions, MachineOptions
from .options import with_options
from .review import ReviewOptions, show_diff
from .show import as_json, show_error
from .streams import keep_status

if TYPE_CHECKING:
    from ..file_change import FileChange
    from ..jobs.transfer import Transferred
    from .show import Progress

__all__ = ["download", "upload"]

_STANDARD = Path("-")  # standard output

RemoteArgument = Annotated[
    str,
    typer.Argument(metavar="REMOTE", help="The file on the machine: /path or ~/path.", show_default=False),
]


@with_options(LoginOnlyOptions, ReviewOptions)
def upload(
    machine: LoginOnlyOptions,
    review: ReviewOptions,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The local file.", show_default=False)],
    remote: RemoteArgument,
    mode: Annotated[
        str | None,
        typer.Option(
            "--mode",
            metavar="MODE",
            help="Mode of the remote file, such as 0755. By default that of the file it replaces, or 0600.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Copy a file to a machine over its console.

    The copy is compared, and replaces the remote file in one step. On a terminal, the command shows how an existing
    file would change, and asks first. Run the command again to resume an interrupted transfer.
    """

    def question(change: FileChange) -> str:
        return f"Replace {change.path} on {machine.host}?"

    async def prepare(progress: Progress) -> Coroutine[Any, Any, Transferred]:
        machine.check()
        bits = _mode(mode)
        from ..jobs.transfer import upload as transfer

        return transfer(
            await machine.access(progress),
            file,
            remote,
            mode=bits,
            on_progress=progress.count,
            dry_run=review.dry_run,
            confirm=review.asking(progress, question),
        )

    done = machine.run(prepare, partial(_failed_fields, machine))
    _show(machine, done, "would-upload" if review.dry_run else "uploaded")


@with_options(LoginOnlyOptions)
def download(
    machine: LoginOnlyOptions,
    remote: RemoteArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="The local file; - for standard output. By default the same name in the current folder.",
        ),
    ] = None,
) -> None:
    """Copy a file from a machine over its console.

    The copy is compared. Run the command again to resume an interrupted transfer.
    """
    target = None if file == _STANDARD else file or Path(remote.rpartition("/")[2])

    async def prepare(progress: Progress) -> Coroutine[Any, Any, Transferred]:
        machine.check()
        if target is None and machine.json:
            raise UsageError("--json and the file cannot both go to standard output", hint="Name a FILE.")
        from ..jobs.transfer import download as transfer

        return transfer(await machine.access(progress), remote, target, on_progress=progress.count)

    done = machine.run(prepare, partial(_failed_fields, machine))
    if target is not None:
        _show(machine, done, "downloaded")
        return
    try:
        sys.stdout.buffer.write(done.file.data or b"")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise  # the reader closed the pipe, which is not an error
    except OSError as error:
        failed = UsageError(f"cannot write to standard output: {error.strerror}", hint="Name another FILE.")
        show_error(failed)
        raise Reported(failed.exit_code) from None
    for warning in done.warnings:
        print(f"warning: {printable(warning)}", file=sys.stderr)


def _mode(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"0?[0-7]{3,4}", text, re.ASCII) or int(text, 8) > 0o7777:
        raise UsageError(f"invalid --mode {printable(text, 60)!r}; write three or four octal digits, such as 0644")
    return int(text, 8)


def _show(machine: MachineOptions, done: Transferred, what: str) -> None:
    file, dry_run = done.file, what == "would-upload"
    if not dry_run:
        keep_status()
    if machine.json:
        fields: dict[str, Any] = {"diff": list(file.change.diff) if file.change else []} if what != "downloaded" else {}
        names = ("path", "size", "cksum", "sha256", "resumed_from", "bytes_sent", "bytes_received")
        fields |= {name: getattr(file, name) for name in names}
        print(
            as_json(
                {"status": what, "host": done.host, **fields, "seconds": round(file.seconds, 3)}
                | {"warnings": list(done.warnings), "logged_out": done.logged_out, "error": None}
            )
        )
        return
    if dry_run:
        for warning in done.warnings:
            print(f"warning: {printable(warning)}")
        show_diff(file.change)
        return
    print(f"{what} {file.size:,} bytes, compared: {file.path}")
    print(f"  SHA-256 {file.sha256}" if file.sha256 else f"  cksum {file.cksum} (the machine has no sha256sum)")
    for warning in done.warnings:
        print(f"  warning: {printable(warning)}")


def _failed_fields(machine: MachineOptions, error: SosError) -> dict[str, Any]:
    return {"status": "failed", "host": machine.host, "warnings": list(getattr(error, "__notes__", ()))}
