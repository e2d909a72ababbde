"""`sosagent break HOST`: a BREAK on the line, and a SysRq key behind it."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from ..endpoint.target import Target
from ..errors import SosError, UsageError
from ..printable import printable
from .endpoint_options import EndpointOptions, TimeoutOption, VerboseOption, checked_timeout
from .options import with_options
from .run import Reported, confirm, foreseen, run_job
from .show import Progress, show_error

__all__ = ["send_break"]

#: Linux's, of which people know what they do (admin-guide/sysrq).
_KEYS = {
    "b": "reboots it at once, without writing what is in memory",
    "c": "crashes it",
    "e": "ends every process",
    "f": "ends the process that takes most memory",
    "h": "prints its help",
    "i": "kills every process",
    "m": "prints its memory",
    "o": "switches it off",
    "s": "writes what is in memory to the disks",
    "t": "prints its tasks",
    "u": "mounts everything read-only",
    "w": "prints its blocked tasks",
}


@with_options(EndpointOptions)
def send_break(
    where: EndpointOptions,
    sysrq: Annotated[
        str | None,
        typer.Option("--sysrq", metavar="KEY", help="Linux: this key behind it; h lists them.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask first.")] = False,
    timeout: TimeoutOption = 30.0,
    verbose: VerboseOption = False,
) -> None:
    """Send a BREAK to the machine: Linux takes the key behind it as SysRq, old systems stop at their monitor.

    Asks first, for nothing undoes it. What the machine prints then is shown.
    """
    progress = Progress(quiet=not verbose, verbose=verbose)
    try:
        with foreseen(verbose), where.near_names():
            target = where.target()
            seconds = checked_timeout(timeout)
            if sysrq is not None and re.fullmatch(r"[a-z0-9]", sysrq) is None:
                raise UsageError(f"{printable(sysrq, 40)!r} is no SysRq key", hint=f"Such as {', '.join(_KEYS)}.")
            if not yes:
                _confirm(target, sysrq)
            from ..jobs import send_break as job

            ask = where.asking(progress)
            target = where.reached(progress)
            lines = run_job(
                job.send_break(target, sysrq=sysrq, timeout=seconds, on_event=progress, ask=ask, kick=where.kick)
            )
    except SosError as error:
        progress.stop()
        show_error(error)
        raise Reported(error.exit_code) from None
    progress.stop()
    print("a BREAK was sent" + (f", and {sysrq}" if sysrq else ""))
    for line in lines:
        print(f"  | {line}")


def _confirm(target: Target, sysrq: str | None) -> None:
    what = "may stop a machine at its monitor" if sysrq is None else _KEYS.get(sysrq, "does what its kernel says")
    with_key = "" if sysrq is None else f" and SysRq {sysrq}"
    confirm(
        f"A BREAK{with_key} to {target}: this {what}. Send it?",
        nobody="a BREAK is to be confirmed, and nobody can be asked",
        yes="--yes sends it as it is.",
        no="nothing was sent",
    )
