"""`sosagent console HOST`: an interactive session on a console."""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import SosError, UsageError
from ..interactive.escape import parse_escape
from ..keys import PublicKey
from ..paths import expanded
from ..printable import printable
from .duration import parse_duration
from .endpoint_options import EndpointOptions, TimeoutOption
from .help.groups import OUTPUT, PASSWORD
from .key_reading import ReadOptions
from .key_sources import find_keys
from .machine_options import MachineOptions
from .options import with_options
from .run import run_prepared
from .show import Progress, as_json

if TYPE_CHECKING:
    from ..console.events import Event
    from ..interactive.options import InteractiveOptions

__all__ = ["console"]


@with_options(EndpointOptions)
def console(
    where: EndpointOptions,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record",
            metavar="FILE",
            help="Record the output, not the keys (asciicast v2).",
            show_default=False,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Show the console and never type on it.")] = False,
    escape: Annotated[
        str, typer.Option("--escape", metavar="CHAR", help="The escape character: a character, ^X, or none.")
    ] = "~",
    pace: Annotated[
        int | None,
        typer.Option(
            "--pace",
            metavar="N",
            help="Pace of pastes: 0 sends them at once, 1 to 4 are increasingly slow; by default below 9600 baud.",
            show_default=False,
        ),
    ] = None,
    login: Annotated[
        str | None,
        typer.Option(
            "-l",
            "--login",
            metavar="NAME",
            help="The user that logs in to add a key (Enter ~ k).",
            show_default="root",
            rich_help_panel=PASSWORD,
        ),
    ] = None,
    timeout: TimeoutOption = "2m",
) -> None:
    """Open an interactive console, like ssh or screen. Enter ~ ? lists the escape commands, Enter ~ . leaves.

    The terminal is always restored. At the end, sosagent reports whether a shell is still open on the console.
    """

    def failed(error: SosError) -> dict[str, Any]:
        return {"status": "failed", "host": where.host, "outcome": None}

    with where.reporting(failed, silent=True, timed=False) as progress, where.suggesting():
        options = _interactive_options(where, login, progress, record, read_only, escape, pace)
        prepare = _prepare(where, login, progress, parse_duration(timeout, "--timeout"), options)
        outcome = run_prepared(prepare, logs_out=False, hint="Nobody was logged out.")
    if where.json:
        print(as_json({"status": "left", "host": where.host, "outcome": outcome, "error": None}))
    elif not where.quiet:
        print(f"sosagent: left the console of {printable(where.host, 200)}: {outcome}", file=sys.stderr)


def _interactive_options(
    where: EndpointOptions,
    login: str | None,
    progress: Progress,
    record: Path | None,
    read_only: bool,
    escape: str,
    pace: int | None,
) -> InteractiveOptions:
    """Check the options and return those of the session.

    Raises:
        UsageError: an option is invalid, or there is no terminal.
    """
    character = parse_escape(escape)
    try:
        import termios  # noqa: F401 - Windows has none
    except ImportError:
        raise UsageError("an interactive console needs a Unix terminal, which this system does not have") from None
    from ..console.pacing import SLOWEST_PACE
    from ..interactive.options import InteractiveOptions

    if pace is not None and not 0 <= pace <= SLOWEST_PACE:
        raise UsageError(f"--pace must be from 0 to {SLOWEST_PACE}, not {pace}")
    if not sys.stdin.isatty() and not read_only:
        raise UsageError(
            "standard input is not a terminal",
            hint="An interactive console needs one. --read-only, `sosagent state` and `sosagent screen` do not.",
        )
    machine = _machine(where, login)
    return InteractiveOptions(
        _read_keys,
        machine.available_password,
        machine.user_name or machine.login_name,
        character,
        read_only,
        pace,
        record,
        progress.stop,
    )


def _machine(where: EndpointOptions, login: str | None) -> MachineOptions:
    shared = {field.name: getattr(where, field.name) for field in dataclasses.fields(EndpointOptions)}
    return MachineOptions(**shared, login=login)


async def _prepare(
    where: EndpointOptions, login: str | None, progress: Progress, timeout: float, options: InteractiveOptions
) -> Coroutine[Any, Any, str]:
    from ..access import Access
    from ..interactive.session import run_session

    machine = _machine(where, login)

    def show(event: Event) -> None:
        if event.kind == "detail":
            progress.log("·", event.text)  # a line in the middle of the session would hide what the user types
        else:
            progress(event)

    access = Access(
        await where.locate(progress, timeout),
        None,
        login=machine.login_name,
        expect_host=None if machine.entry is None else machine.entry.hostname,
        timeout=timeout,
        on_event=show,
        ask=where.asking(progress),
        kick=where.kick,
    )
    return run_session(access, options)


def _read_keys(name: str) -> list[PublicKey]:
    """Read the public keys of a file that the user names in the session.

    Raises:
        UsageError: there is no such file, or it contains no key.
    """
    if name == "-" or re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", name):
        raise UsageError(f"only files are accepted here, not {printable(name, 80)}", hint="sos-addkey accepts it.")
    return [one.key for one in find_keys([str(expanded(name))], ReadOptions())]
