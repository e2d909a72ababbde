"""`sosagent break HOST`: send a BREAK on the line, with or without a SysRq key."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from ..endpoint.target import ProviderReference, Target
from ..errors import SosError, UsageError
from ..printable import printable
from .ask import confirm
from .duration import parse_duration
from .endpoint_options import EndpointOptions, TimeoutOption
from .help.groups import SAFETY
from .options import with_options
from .run import run_prepared
from .show import Progress, as_json
from .streams import keep_status

__all__ = ["send_break"]

#: Well-known SysRq keys of Linux and their effects (admin-guide/sysrq).
_KEYS = {
    "b": "reboots the machine at once, without syncing its disks",
    "c": "crashes the machine",
    "e": "terminates every process",
    "f": "kills the process that uses most memory",
    "h": "prints the help",
    "i": "kills every process",
    "m": "prints the memory usage",
    "o": "switches the machine off",
    "s": "syncs the disks",
    "t": "prints the tasks",
    "u": "remounts everything read-only",
    "w": "prints the blocked tasks",
}


@with_options(EndpointOptions)
def send_break(
    where: EndpointOptions,
    sysrq: Annotated[
        str | None,
        typer.Option(
            "--sysrq", metavar="KEY", help="Send this SysRq key after the BREAK; h lists the keys.", show_default=False
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("-y", "--yes", help="Do not ask for confirmation.", rich_help_panel=SAFETY)
    ] = False,
    timeout: TimeoutOption = "30s",
) -> None:
    """Send a BREAK to the machine.

    Linux treats the key after it as SysRq; some old systems stop in their monitor. Asks for confirmation, because
    a BREAK cannot be undone, and then shows what the machine prints.
    """

    def failed(error: SosError) -> dict[str, Any]:
        return {"status": "failed", "host": where.host, "sysrq": sysrq, "lines": None}

    with where.reporting(failed, silent=True) as progress, where.suggesting():
        target = where.lookup.target
        seconds = parse_duration(timeout, "--timeout")
        if sysrq is not None and re.fullmatch(r"[a-z0-9]", sysrq) is None:
            raise UsageError(f"invalid SysRq key {printable(sysrq, 40)!r}", hint=f"Common keys are {', '.join(_KEYS)}.")
        if not yes:
            with progress.paused():
                _confirm(target, sysrq)
        hint = "The BREAK may have been sent."
        lines = run_prepared(_prepare(where, sysrq, seconds, progress), logs_out=False, hint=hint)
    keep_status()
    if where.json:
        print(as_json({"status": "sent", "host": where.host, "sysrq": sysrq, "lines": lines, "error": None}))
        return
    print("a BREAK was sent" + (f", and {sysrq}" if sysrq else ""))
    for line in lines:
        print(f"  | {line}")


async def _prepare(
    where: EndpointOptions, sysrq: str | None, seconds: float, progress: Progress
) -> Coroutine[Any, Any, tuple[str, ...]]:
    from ..deadline import Deadline
    from ..jobs import send_break as job

    deadline = Deadline(seconds)
    options = where.connecting(progress)
    located = await where.locate(progress, seconds)
    return job.send_break(located, sysrq=sysrq, timeout=deadline.remaining, **options)


def _confirm(target: Target | ProviderReference, sysrq: str | None) -> None:
    effect = "may stop the machine in its monitor" if sysrq is None else _KEYS.get(sysrq, "has an effect unknown to us")
    with_key = "" if sysrq is None else f" and SysRq {sysrq}"
    confirm(
        f"Send a BREAK{with_key} to {target}? This {effect}.",
        no_terminal="a BREAK needs confirmation, and there is no terminal",
        hint="--yes sends it without confirmation.",
        refused="nothing was sent",
    )
