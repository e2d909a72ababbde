"""`sosagent state HOST` and `sosagent screen HOST`: look at a console without logging in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import SosError, UsageError
from ..printable import printable
from .endpoint_options import EndpointOptions, JsonOption, PokeOption, TimeoutOption, VerboseOption, checked_timeout
from .options import with_options
from .run import Reported, foreseen, run_job
from .show import Progress, show_error, state_error_json, state_json

if TYPE_CHECKING:
    from ..jobs.state import ConsoleState

__all__ = ["screen", "state"]

SecondsOption = Annotated[
    float, typer.Option("--quiet-for", metavar="SECONDS", help="Name it when the line was quiet for so long.")
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
    """Name the state that a console is in, and what a job would do about it.

    Types nothing, unless --poke says so, and never logs in. Many endpoints show nothing of what came before.
    """
    progress = Progress(quiet=not verbose, verbose=verbose)
    try:
        with foreseen(verbose), where.near_names():
            seen = _look(where, poke, quiet_for, checked_timeout(timeout), progress)
    except SosError as error:
        progress.stop()
        if json:
            print(state_error_json(error, where.host))
        else:
            show_error(error)
        raise Reported(error.exit_code) from None
    progress.stop()
    if json:
        print(state_json(seen))
        return
    named = f" ({printable(seen.hostname)})" if seen.hostname else ""
    print(f"{seen.name}: {seen.title}{named}")
    print(f"  a job would {seen.would}")
    if seen.hint:
        print(f"  {printable(seen.hint, 2000)}")
    if seen.tail:
        print("  last lines:")
        for line in seen.tail:
            print(f"    | {printable(line)}")


@with_options(EndpointOptions)
def screen(
    where: EndpointOptions,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="A picture that scales.", show_default=False)
    ] = None,
    png: Annotated[
        Path | None, typer.Option("--png", metavar="FILE", help="A picture of pixels.", show_default=False)
    ] = None,
    size: Annotated[str, typer.Option("--size", metavar="COLUMNSxROWS", help="The terminal's.")] = "80x24",
    poke: PokeOption = False,
    quiet_for: SecondsOption = 1.0,
    timeout: TimeoutOption = 60.0,
    verbose: VerboseOption = False,
) -> None:
    """Show the console as a terminal would: as text, or as a picture for a ticket.

    Types nothing, unless --poke says so, and never logs in.
    """
    progress = Progress(quiet=not verbose, verbose=verbose)
    try:
        with foreseen(verbose), where.near_names():
            columns, rows = _size(size)
            seen = _look(where, poke, quiet_for, checked_timeout(timeout), progress)
            from .picture import Picture

            picture = Picture(seen.output, columns, rows, printable(str(where.target()), 80))
            for path, write in ((svg, picture.svg), (png, picture.png)):
                if path is not None:
                    try:
                        path.write_bytes(write())
                    except OSError as error:
                        raise UsageError(f"cannot write {printable(str(path))}: {error.strerror}") from None
    except SosError as error:
        progress.stop()
        show_error(error)
        raise Reported(error.exit_code) from None
    progress.stop()
    if svg is None and png is None:
        print(picture.text())
    if not seen.output:
        print(f"sosagent: {printable(seen.hint) or 'nothing came from the console'}", file=sys.stderr)


def _look(where: EndpointOptions, poke: bool, seconds: float, timeout: float, progress: Progress) -> ConsoleState:
    from ..jobs.state import console_state

    return run_job(
        console_state(
            where.reached(progress),
            poke=poke,
            seconds=seconds,
            timeout=timeout,
            on_event=progress,
            ask=where.asking(progress),
            kick=where.kick,
        )
    )


def _size(text: str) -> tuple[int, int]:
    columns, _, rows = text.partition("x")
    if columns.isdigit() and rows.isdigit() and 1 <= int(columns) <= 500 and 1 <= int(rows) <= 200:
        return int(columns), int(rows)
    raise UsageError(f"--size is COLUMNSxROWS, such as 80x24, not {printable(text, 40)!r}")
