"""`sosagent lab`: a simulated endpoint and machine for trying the commands."""

from __future__ import annotations

import errno
import re
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from ..lab.states import STATES
from ..printable import printable
from .exits import Interrupted, expected_errors_only
from .options import with_options
from .output_options import OutputOptions
from .run import run_job
from .show import as_json

if TYPE_CHECKING:
    from ..lab import Lab
    from ..lab.configuration import Configuration

__all__ = ["lab"]

_NOT_LISTENING = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES, errno.EPERM)
_HOST_NAME = r"[A-Za-z0-9][A-Za-z0-9.-]{0,62}"


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
    state: Annotated[
        str,
        typer.Option(
            "--state",
            metavar="STATE",
            help=f"What is on the console at first: {', '.join(STATES)}.",
        ),
    ] = "login",
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FOLDER",
            help="Write ssh_config, known_hosts and machines.toml for the lab to this folder; removed at the end.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --config, replace files that no lab has written.")
    ] = False,
) -> None:
    """Start a simulated machine with a console endpoint on this computer; Ctrl-C ends it."""
    with output.reporting(lambda _: {"status": "failed"}, silent=True, timed=False):
        try:
            with expected_errors_only(output.verbose > 0):
                _check(machine, endpoint, busy=busy, config=config, force=force)
                work = _serve(_Wanted(port, machine, faults, endpoint, busy, state, config, force), output.json)
                run_job(work, logs_out=False, hint="")
        except Interrupted:
            if not output.quiet:
                print("The lab has stopped, and its folder is deleted.", file=sys.stderr)


@dataclass(frozen=True)
class _Wanted:
    """The options of the command."""

    port: int
    machine: str
    faults: str
    endpoint: str | None
    busy: bool
    state: str
    config: Path | None
    force: bool


def _check(machine: str, endpoint: str | None, *, busy: bool, config: Path | None, force: bool) -> None:
    """Check the options that depend on each other.

    Raises:
        UsageError: they do not go together.
    """
    from ..lab.fronts import check_front

    if not re.fullmatch(_HOST_NAME, machine, re.ASCII):
        raise UsageError(f"{printable(machine, 80)!r} is not a host name")
    if endpoint is not None:
        check_front(endpoint)
    if busy and endpoint is None:
        raise UsageError("--busy needs --endpoint")
    if force and config is None:
        raise UsageError("--force needs --config")


async def _serve(wanted: _Wanted, as_object: bool) -> None:
    import asyncio  # help does not need it

    from ..lab import Faults, open_lab
    from ..lab.configuration import written_configuration

    faults = Faults.parse(wanted.faults)
    try:
        async with AsyncExitStack() as stack:
            running = await stack.enter_async_context(
                open_lab(
                    port=wanted.port, machine=wanted.machine, faults=faults, front=wanted.endpoint, own_system=True,
                    state=wanted.state,
                )
            )  # fmt: skip
            running.occupy(wanted.busy)
            written = None
            if wanted.config is not None:
                written = stack.enter_context(written_configuration(wanted.config, running, force=wanted.force))
            (_show_json if as_object else _show)(running, written)
            await asyncio.Event().wait()
    except OSError as error:
        if error.filename is None and error.errno in _NOT_LISTENING:
            raise UsageError(f"the lab cannot listen on port {wanted.port}: {error.strerror}") from None
        place = "" if error.filename is None else f"{printable(str(error.filename))}: "
        raise UsageError(f"the lab cannot start: {place}{error.strerror}") from None


def _show(running: Lab, written: Configuration | None) -> None:
    print(f"The machine {running.machine.name!r} is running; its console is at {running.address}.")
    print(f"root's password:  {running.password.reveal()}")
    print(f"authorized_keys:  {running.authorized_keys}")
    if running.no_system:
        print(f"The machine has no system of its own: {running.no_system}.")
        print("Its shell is a program of this computer without root's rights, and it has this computer's host name.")
    elif running.ssh_port is not None:
        print(f"Its sshd listens on port {running.ssh_port} of 127.0.0.1.")
    else:
        from ..lab.ssh_server import missing_for_sshd

        print(f"It has no sshd: this computer lacks {missing_for_sshd()}.")
    print("Try:")
    for line in [f"{running.command} KEYFILE"] if written is None else written.commands:
        print(f"  {line}")
    print("Press Ctrl-C to stop.", flush=True)


def _show_json(running: Lab, written: Configuration | None) -> None:
    fields = {
        "status": "running",
        "machine": running.machine.name,
        "address": running.address,
        "identity": str(running.identity),
        "known_hosts": str(running.known_hosts),
        "password_file": str(running.password_file),
        "authorized_keys": str(running.authorized_keys),
        "arguments": running.arguments,
        "own_system": not running.no_system,
        "no_system": running.no_system,
        "ssh_port": running.ssh_port,
        "ssh_config": None if written is None else str(written.ssh_config),
        "machines_file": None if written is None else str(written.machines),
        "error": None,
    }
    print(as_json(fields), flush=True)
