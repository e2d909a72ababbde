"""`sosagent state HOST` and `sosagent screen HOST`: examine a console without logging in."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import SosError, UsageError
from ..printable import printable
from ..replace_file import replace_contents
from .endpoint_options import EndpointOptions, JsonOption, PokeOption, TimeoutOption, VerboseOption, checked_timeout
from .exits import Reported, expected_errors_only
from .options import with_options
from .run import run_prepared
from .show import Progress, show_error, state_error_json, state_json

if TYPE_CHECKING:
    from ..jobs.state import ConsoleState

__all__ = ["screen", "state"]

SecondsOption = Annotated[
    float,
    typer.Option(
        "--quiet-for", metavar="SECONDS", help="Determine the state once the line has been quiet for SECONDS."
    ),
]


@with_options(EndpointOptions)
def state(
    where: EndpointOptions,
    poke: PokeOption = False,
    quiet_for: SecondsOption = 1.0,
    timeout: TimeoutOption = 60.0,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Report the state of a console, and what a job would do in it.

    Types nothing without --poke, and never logs in. Many endpoints show no earlier output.
    """
    progress = Progress(quiet=not verbose, verbose=verbose)
    try:
        with expected_errors_only(verbose), where.suggesting():
            observed = _observe(where, poke, quiet_for, checked_timeout(timeout), progress)
    except SosError as error:
        progress.stop()
        if json:
            print(state_error_json(error, where.host))
        else:
            show_error(error)
        raise Reported(error.exit_code) from None
    progress.stop()
    if json:
        print(state_json(observed))
        return
    hostname = f" ({printable(observed.hostname)})" if observed.hostname else ""
    print(f"{observed.name}: {observed.title}{hostname}")
    print(f"  a job would {observed.would}")
    if observed.hint:
        print(f"  {printable(observed.hint, 2000)}")
    if observed.tail:
        print("  last lines:")
        for line in observed.tail:
            print(f"    | {printable(line)}")


@with_options(EndpointOptions)
def screen(
    where: EndpointOptions,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Write the screen as an SVG image.", show_default=False)
    ] = None,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE", help="Write the screen as a PNG image.", show_default=False)
    ] = None,
    size: Annotated[str, typer.Option("--size", metavar="COLUMNSxROWS", help="Size of the terminal.")] = "80x24",
    poke: PokeOption = False,
    quiet_for: SecondsOption = 1.0,
    timeout: TimeoutOption = 60.0,
    verbose: VerboseOption = False,
) -> None:
    """Show the console's screen as a terminal displays it: as text, or as an image for a ticket.

    Types nothing without --poke, and never logs in.
    """
    progress = Progress(quiet=not verbose, verbose=verbose)
    try:
        with expected_errors_only(verbose), where.suggesting():
            columns, rows = _size(size)
            observed = _observe(where, poke, quiet_for, checked_timeout(timeout), progress)
            from ..picture import Picture

            now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            picture = Picture(observed.output, columns, rows, _name(where, observed), now)
            for path, write in ((svg, picture.svg), (png, picture.png)):
                if path is not None:
                    replace_contents(path, write())
    except SosError as error:
        progress.stop()
        show_error(error)
        raise Reported(error.exit_code) from None
    progress.stop()
    if svg is None and png is None:
        print(picture.text())
    if not observed.output:
        print(f"sosagent: {printable(observed.hint) or 'the console sent nothing'}", file=sys.stderr)


def _name(where: EndpointOptions, observed: ConsoleState) -> str:
    """Return the machine's names: in machines.toml or its endpoint, and on its console."""
    lookup = where.lookup
    name = printable(lookup.host if lookup.machine else str(lookup.target), 80)
    return f"{name} ({printable(observed.hostname, 80)})" if observed.hostname not in (None, "", name) else name


def _observe(where: EndpointOptions, poke: bool, seconds: float, timeout: float, progress: Progress) -> ConsoleState:
    from ..deadline import Deadline
    from ..endpoint.target import ProviderReference
    from ..jobs.state import console_state

    async def prepare() -> Coroutine[Any, Any, ConsoleState]:
        deadline = Deadline(timeout)
        located = await where.locate(progress, timeout)
        return console_state(
            located,
            poke=poke,
            seconds=seconds,
            timeout=deadline.remaining,
            on_event=progress,
            ask=where.asking(progress),
            kick=where.kick,
        )

    observed = run_prepared(prepare(), logs_out=False, hint="Nobody was logged in or out.")
    reference = where.lookup.target
    return replace(observed, host=str(reference)) if isinstance(reference, ProviderReference) else observed


def _size(text: str) -> tuple[int, int]:
    columns, _, rows = text.partition("x")
    if columns.isdigit() and rows.isdigit() and 1 <= int(columns) <= 500 and 1 <= int(rows) <= 200:
        return int(columns), int(rows)
    raise UsageError(f"invalid --size {printable(text, 40)!r}; write COLUMNSxROWS, such as 80x24")
