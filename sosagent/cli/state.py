"""`sosagent state HOST` and `sosagent screen HOST`: examine a console without logging in."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..printable import printable
from ..replace_file import replace_contents
from .duration import parse_duration
from .endpoint_options import EndpointOptions, PokeOption, TimeoutOption
from .options import with_options
from .run import run_prepared
from .show import as_json, state_fields, state_json

if TYPE_CHECKING:
    from ..jobs.state import ConsoleState
    from .progress import Progress

__all__ = ["screen", "state"]

SecondsOption = Annotated[
    str,
    typer.Option("--quiet-for", metavar="TIME", help="Determine the state once the line has been quiet for TIME."),
]


@with_options(EndpointOptions)
def state(
    where: EndpointOptions,
    poke: PokeOption = False,
    quiet_for: SecondsOption = "1s",
    timeout: TimeoutOption = "60s",
) -> None:
    """Report the state of a console, and what a job would do in it.

    Types nothing without --poke, and never logs in. Many endpoints show no earlier output.
    """
    with where.reporting(lambda error: state_fields(error, where.host), silent=True) as progress, where.suggesting():
        observed = _observe(where, poke, quiet_for, timeout, progress)
    if where.json:
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
    quiet_for: SecondsOption = "1s",
    timeout: TimeoutOption = "60s",
) -> None:
    """Show the console's screen as a terminal displays it: as text, or as an image for a ticket.

    Types nothing without --poke, and never logs in.
    """
    with where.reporting(lambda _: {"host": where.host}, silent=True) as progress, where.suggesting():
        columns, rows = _size(size)
        observed = _observe(where, poke, quiet_for, timeout, progress)
        from ..picture import Picture

        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        picture = Picture(observed.output, columns, rows, _name(where, observed), now)
        for path, write in ((svg, picture.svg), (png, picture.png)):
            if path is not None:
                replace_contents(path, write())
    silence = "" if observed.output else printable(observed.hint) or "the console sent nothing"
    if where.json:
        files = {"svg": None if svg is None else str(svg), "png": None if png is None else str(png)}
        fields = {"host": observed.host, "columns": columns, "rows": rows, "lines": picture.text().split("\n")}
        print(as_json(fields | files | {"hint": silence, "error": None}))
        return
    if svg is None and png is None:
        print(picture.text())
    if silence:
        print(f"sosagent: {silence}", file=sys.stderr)


def _name(where: EndpointOptions, observed: ConsoleState) -> str:
    """Return the machine's names: in machines.toml or its endpoint, and on its console."""
    lookup = where.lookup
    name = printable(lookup.host if lookup.machine else str(lookup.target), 80)
    return f"{name} ({printable(observed.hostname, 80)})" if observed.hostname not in (None, "", name) else name


def _observe(where: EndpointOptions, poke: bool, quiet_for: str, time_limit: str, progress: Progress) -> ConsoleState:
    seconds, timeout = parse_duration(quiet_for, "--quiet-for"), parse_duration(time_limit, "--timeout")
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
            **where.connecting(progress),
        )

    observed = run_prepared(prepare(), logs_out=False, hint="Nobody was logged in or out.")
    reference = where.lookup.target
    return replace(observed, host=str(reference)) if isinstance(reference, ProviderReference) else observed


def _size(text: str) -> tuple[int, int]:
    columns, _, rows = text.partition("x")
    if columns.isdigit() and rows.isdigit() and 1 <= int(columns) <= 500 and 1 <= int(rows) <= 200:
        return int(columns), int(rows)
    raise UsageError(f"invalid --size {printable(text, 40)!r}; write COLUMNSxROWS, such as 80x24")
