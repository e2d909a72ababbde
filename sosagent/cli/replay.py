"""`sosagent replay CAST RUNBOOK`: compare a runbook with a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..printable import printable
from ..secrets.file import read_file
from .exits import Reported
from .options import with_options
from .output_options import OutputOptions
from .parameters import ParameterOption, read_parameters
from .show import as_json

if TYPE_CHECKING:
    from ..runbook.replay import Replayed

__all__ = ["replay"]

_DIFFERENT = 1
_MOST_BYTES = 128 << 20
_MOST_SHOWN = 20


@with_options(OutputOptions)
def replay(
    output: OutputOptions,
    cast: Annotated[
        Path, typer.Argument(metavar="CAST", help="A recording made with --transcript.", show_default=False)
    ],
    runbook: Annotated[
        str, typer.Argument(metavar="RUNBOOK", help="A file, or the name of a shipped runbook.", show_default=False)
    ],
    parameter: ParameterOption = None,
) -> None:
    """Compare a runbook with the recording of a run, without a connection.

    Each step is the same, differs, or is not in the recording. Programs and texts with secrets cannot be compared,
    because recordings do not contain them. Exit status 1 if anything differs.
    """
    failed = {"status": "failed", "runbook": runbook, "recording": str(cast)}
    replayed = output.attempt(lambda: _replayed(cast, runbook, parameter or []), lambda _: failed)
    if output.json:
        print(as_json(_fields(replayed, cast)))
    else:
        for line in _lines(replayed, cast):
            print(line)
    if not replayed.same:
        raise Reported(_DIFFERENT)


def _replayed(cast: Path, runbook: str, parameters: list[str]) -> Replayed:
    import asyncio  # help does not need it

    from ..runbook.load import load_runbook
    from ..runbook.recording_reader import read_recording
    from ..runbook.replay import replay as compared

    loaded = load_runbook(runbook)
    values = read_parameters(loaded, parameters, ask=False)
    recording = read_recording(_read(cast), str(cast))
    return asyncio.run(compared(recording, loaded, values))


def _read(path: Path) -> str:
    shown = printable(str(path))
    data = read_file(path, "the recording", others=None, most=_MOST_BYTES)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{shown}:{line}: invalid UTF-8; this is not a recording") from None


def _lines(replayed: Replayed, cast: Path) -> Iterator[str]:
    title = f" ({printable(replayed.title)})" if replayed.title else ""
    yield f"{printable(replayed.runbook)}, compared with {printable(str(cast))}{title}"
    for step in replayed.steps:
        reason = f"  {printable(step.said, 1000)}" if step.said and step.verdict != "same" else ""
        yield f"  {step.verdict:<20} {step.number:>4} {printable(step.name, 200)}{reason}".rstrip()
    for words in replayed.also[:_MOST_SHOWN]:
        yield f"  only in the recording: it {printable(words, 1000)}"
    if len(replayed.also) > _MOST_SHOWN:
        yield f"  and {len(replayed.also) - _MOST_SHOWN} more; --json lists them"
    if any(step.verdict == "differs" for step in replayed.steps):
        yield "Steps after a different step were compared as if it had the result in the recording."
    if replayed.same:
        incomplete = any(step.verdict != "same" for step in replayed.steps)
        yield "No differences" + (" among the steps that can be compared." if incomplete else ".")


def _fields(replayed: Replayed, cast: Path) -> dict[str, Any]:
    return {
        "status": "same" if replayed.same else "differs",
        "runbook": replayed.runbook,
        "recording": str(cast),
        "title": replayed.title,
        "steps": [
            {
                "number": step.number,
                "name": step.name,
                "action": step.action,
                "verdict": step.verdict,
                "said": printable(step.said, 1000),
            }
            for step in replayed.steps
        ],
        "only_in_the_recording": list(replayed.also),
        "error": None,
    }
