"""`sosagent lab`: a simulated endpoint and machine for trying the commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..errors import SosError, UsageError
from .exits import Interrupted, Reported, expected_errors_only
from .run import run_job
from .show import show_error

__all__ = ["lab"]


def lab(
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
    try:
        with expected_errors_only(verbose=False):
            run_job(_serve(port, machine, faults, endpoint, busy), logs_out=False, hint="")
    except Interrupted:
        print("The lab has stopped, and its folder is deleted.", file=sys.stderr)
    except SosError as error:
        show_error(error)
        raise Reported(error.exit_code) from None


async def _serve(port: int, machine: str, faults: str, endpoint: str | None, busy: bool) -> None:
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
            print(f"The machine {machine!r} is running; its console is at {running.address}.")
            print(f"root's password:  {running.password.reveal()}")
            print(f"authorized_keys:  {running.authorized_keys}")
            print("Try:")
            print(f"  {running.command} KEYFILE")
            print("Press Ctrl-C to stop.", flush=True)
            await asyncio.Event().wait()
    except OSError as error:
        raise UsageError(f"the lab cannot listen on port {port}: {error.strerror}") from None
