"""`sosagent lab`: a simulated endpoint and machine for trying the commands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from .exits import Interrupted, expected_errors_only
from .options import with_options
from .output_options import OutputOptions
from .run import run_job
from .show import as_json

if TYPE_CHECKING:
    from ..lab import Lab

__all__ = ["lab"]


@with_options(OutputOptions)
def lab(
    output: OutputOptions,
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="TCP port on 127.0.0.1; 0 for any free port.")
    ] = 0,
    machine: Annotated[str, typer.Option("--machine", metavar="NAME", help="The machine's host name.")] = "lab",
    faults: Annotated[
        str,
        typer.Option(
            "--faults",
            metavar="LIST",
            help="Faults of the line, such as drop=1e-3,klog=20/s,baud=9600,fifo=16.",
        ),
    ] = "",
    endpoint: Annotated[
        str | None,
        typer.Option(
            "--endpoint",
            metavar="KIND",
            help="Imitate an endpoint such as idrac, ilo or conserver.",
            show_default=False,
        ),
    ] = None,
    busy: Annotated[bool, typer.Option("--busy", help="Start with the endpoint's console in use.")] = False,
) -> None:
    """Start a simulated machine with a console endpoint on this computer; Ctrl-C ends it."""
    with output.reporting(lambda _: {"status": "failed"}, silent=True, timed=False):
        try:
            with expected_errors_only(output.verbose > 0):
                show = _show_json if output.json else _show
                run_job(_serve(port, machine, faults, endpoint, busy, show), logs_out=False, hint="")
        except Interrupted:
            if not output.quiet:
                print("The lab has stopped, and its folder is deleted.", file=sys.stderr)


async def _serve(
    port: int, machine: str, faults: str, endpoint: str | None, busy: bool, show: Callable[[Lab], None]
) -> None:
    import asyncio  # help does not need it

    from ..lab import Faults, open_lab
    from ..lab.fronts import check_front

    if endpoint is not None:
        check_front(endpoint)
    if busy and endpoint is None:
        raise UsageError("--busy needs --endpoint")
    try:
        async with open_lab(port=port, machine=machine, faults=Faults.parse(faults), front=endpoint) as running:
            running.occupy(busy)
            show(running)
            await asyncio.Event().wait()
    except OSError as error:
        raise UsageError(f"the lab cannot listen on port {port}: {error.strerror}") from None


def _show(running: Lab) -> None:
    print(f"The machine {running.machine.name!r} is running; its console is at {running.address}.")
    print(f"root's password:  {running.password.reveal()}")
    print(f"authorized_keys:  {running.authorized_keys}")
    print("Try:")
    print(f"  {running.command} KEYFILE")
    print("Press Ctrl-C to stop.", flush=True)


def _show_json(running: Lab) -> None:
    fields = {
        "status": "running",
        "machine": running.machine.name,
        "address": running.address,
        "identity": str(running.identity),
        "known_hosts": str(running.known_hosts),
        "password_file": str(running.password_file),
        "authorized_keys": str(running.authorized_keys),
        "arguments": running.arguments,
        "error": None,
    }
    print(as_json(fields), flush=True)
