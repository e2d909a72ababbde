"""The record of a run as Markdown for a ticket.

Everything that Markdown or a ticket system could interpret is in code: markup, HTML, links, mentions such as @NAME
and references such as #12. Ticket systems look for the latter in all text but code.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .. import __version__
from ..printable import printable
from ..terminal.screen import screen_of
from ..terminal.sgr import plain_text
from .report_text import MARKS, run_facts, started_at, step_facts

if TYPE_CHECKING:
    from ..runbook.record import RunRecord, StepRecord

__all__ = ["markdown"]

#: Comments on GitHub have at most 65,536 characters.
_MOST_CHARACTERS = 65_000
#: The most characters of a program or an output, from the first limit with which the report is short enough.
_BLOCKS = (20_000, 6_000, 2_000, 600, 200)
_LINE, _TEXT, _NAME = 4000, 2000, 200
_COLUMNS, _ROWS = 80, 24
#: Actions whose failure the screen explains. During all others it shows the protocol of the verified shell.
_ON_CONSOLE = ("login", "expect", "send", "wait_for", "send_break")
#: Text without a meaning in Markdown or to a ticket system.
_PLAIN = re.compile(
    r"(?![0-9]+[.)](?:\s|$))(?!.*www\.)"  # a list, a link
    r"[^\W_('\"](?:[^\W_]|[ ,.;()'\"=?/+-]|%(?=[ ,.;)]|$)|(?<=[0-9]):(?=[0-9])|:(?= |$))*(?<! )",
    re.IGNORECASE,
)


def markdown(record: RunRecord, cast: str | None = None) -> str:
    """Return the report.

    Args:
        record: the record of the run.
        cast: the file name of the recording of the console, if there is one.
    """
    text = ""
    for most in _BLOCKS:
        text = "\n\n".join(part for part in _parts(record, cast, most) if part) + "\n"
        if len(text) <= _MOST_CHARACTERS:
            break
    return text


def _parts(record: RunRecord, cast: str | None, most: int) -> Iterator[str]:
    yield f"# {_inline(record.runbook, _NAME)}"
    yield _paragraph(record.description)
    yield _facts(record)
    yield from _error(record)
    if record.warnings:
        yield "## Warnings"
        yield "\n".join(f"- {_inline(one)}" for one in record.warnings)
    if record.parameters:
        yield "## Parameters"
        yield "\n".join(f"- **{_inline(name)}:** {_code(value)}" for name, value in record.parameters.items())
    yield "## Steps"
    yield _table(record.steps)
    details = [step for step in record.steps if step.status in ("done", "failed") or step.output or step.program]
    if details:
        yield "## Details"
    for step in details:
        yield from _step(step, most)
    if cast is not None:
        yield "## Recording"
        yield f"To play the recording of the console: {_code(f'asciinema play {shlex.quote(printable(cast))}')}"
    yield f"Written by sosagent {__version__}."


def _facts(record: RunRecord) -> str:
    facts = run_facts(record, status=_status(record.status), started=started_at(record), text=_inline, code=_code)
    return "\n".join(f"- **{name}:** {value}" for name, value in facts if value)


def _error(record: RunRecord) -> Iterator[str]:
    error = record.error
    if error is None:
        return
    yield "## Error"
    yield _inline(str(error.get("message", "")))
    yield _hint(str(error.get("hint") or ""))
    if error.get("state"):
        yield f"Console state: {_inline(str(error['state']))}"
    if error.get("tail"):
        yield "Last lines:"
        yield _block("\n".join(map(str, error["tail"])), "text", _TEXT)


def _table(steps: Iterable[StepRecord]) -> str:
    rows = ["| Step | Name | Status | Duration |", "|---|---|---|---|"]
    for step in steps:
        ran = step.status in ("done", "failed")
        note = f" ({_cell(step.said, _NAME)})" if step.said and not ran else ""
        seconds = f"{step.seconds:.1f} s" if ran else ""
        name = _cell(step.name, _NAME) + note
        rows.append(f"| {_cell(step.number, 80)} | {name} | {_status(step.status)} | {seconds} |")
    return "\n".join(rows)


def _step(step: StepRecord, most: int) -> Iterator[str]:
    yield f"### {_inline(step.number, 80)}. {_inline(step.name, _NAME)}"
    facts = [_status(step.status), _code(step.action), *step_facts(step)]
    yield " · ".join(facts)
    if step.said and step.said != f"exit status {step.exit_status}":
        yield _inline(step.said)
    if step.program:
        yield "Program:"
        yield _block(step.program, "sh", most)
    if step.output and not (step.status == "planned" and step.program):
        if step.status != "planned":
            yield "Output:"
        yield _block(step.output, "text", most)
    if step.status == "failed" and step.screen and step.action in _ON_CONSOLE:
        yield "Console after this step:"
        yield _block("\n".join(screen_of(step.screen, _COLUMNS, _ROWS)).strip("\n"), "text", _COLUMNS * _ROWS)


def _status(status: str) -> str:
    return f"{MARKS.get(status, '')} {_inline(status)}".strip()


# -- text ---------------------------------------------------------------------------------


def _inline(text: str, limit: int = _TEXT) -> str:
    """Return any text for a line: as it is if it has no meaning in Markdown, otherwise as code."""
    text = printable(text, limit)
    return text if _PLAIN.fullmatch(text) else _code(text)


def _code(text: str) -> str:
    """Return any text as a code span."""
    text = printable(text, _TEXT)
    if not text:
        return ""
    fence = "`" * (_longest_run(text) + 1)
    # One space at both ends is removed, unless there are only spaces.
    padded = f" {text} " if text.startswith("`") or text.endswith("`") or (text[0] == text[-1] == " ") else text
    return f"{fence}{padded if text.strip() else text}{fence}"


def _cell(text: str, limit: int) -> str:
    """Return any text for a cell of a table. An escaped pipe is outside code, where all parsers accept it."""
    return r"\|".join(_spaced(part) for part in printable(text, limit).split("|"))


def _paragraph(text: str) -> str:
    return "\n".join(_inline(line.strip(), _LINE) for line in text.strip().split("\n"))


def _hint(text: str) -> str:
    """Return a hint, in which commands are between backticks already."""
    lines = []
    for line in text.split("\n"):
        parts = line.strip().split("`")
        if len(parts) % 2 == 0:
            lines.append(_inline(line.strip()))
        else:
            lines.append("".join(_code(one) if at % 2 else _spaced(one) for at, one in enumerate(parts)))
    return "\n".join(lines)


def _spaced(text: str) -> str:
    """Return a part of a line. The blanks around it are outside code."""
    inner = text.strip(" ")
    if not inner:
        return text
    before, _, after = text.partition(inner)
    return f"{before}{_inline(inner)}{after}"


def _block(text: str, language: str, most: int) -> str:
    """Return lines of text as a fenced block, without their start if they are long."""
    text, note = text.rstrip("\n"), ""
    if len(text) > most:
        note = f"(the first {len(text) - most} characters are left out)\n"
        text = text[-most:]
    text = "\n".join(printable(line, _LINE) for line in plain_text(text).split("\n"))
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{note}{text}\n{fence}"


def _longest_run(text: str) -> int:
    """Return the length of the longest run of backticks."""
    return max(map(len, re.findall("`+", text)), default=0)
