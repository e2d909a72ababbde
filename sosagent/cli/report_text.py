"""The words that reports share, and text of a machine as HTML that only displays it, with its colours."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..printable import printable
from ..terminal.sgr import Colour, Style, StyledText, last_characters, styled_runs

if TYPE_CHECKING:
    from ..runbook.record import RunRecord, StepRecord

__all__ = [
    "MARKS",
    "coloured_html",
    "duration_of_run",
    "escaped",
    "escaped_lines",
    "final_state",
    "has_colours",
    "run_facts",
    "started_at",
    "step_facts",
]

#: A symbol for each status, next to its name.
MARKS = {"done": "✓", "failed": "✗", "skipped": "–", "not run": "–", "planned": "·"}

#: The most characters shown of a line of output, and of any other text.
_LINE, _TEXT = 4000, 2000


def started_at(record: RunRecord) -> str:
    """Return when a run began."""
    return record.began.strftime("%Y-%m-%d %H:%M:%S UTC")


def duration_of_run(record: RunRecord) -> str:
    """Return how long a run took."""
    return f"{record.seconds:.1f} s" if record.status != "planned" else "none: this was a dry run"


def final_state(record: RunRecord) -> str:
    """Return how the console was left; an empty text if there was no login."""
    if record.logged_out is None:
        return ""
    return "the initial state is restored" if record.logged_out else "the initial state was not restored"


def run_facts(
    record: RunRecord, *, status: str, started: str, text: Callable[[str], str], code: Callable[[str], str]
) -> tuple[tuple[str, str], ...]:
    """Return names and values that describe a run; some values may be empty.

    Args:
        record: the record of the run.
        status, started: its status and its start, in the form of the report.
        text, code: bring any text, and a text in a monospaced font, into that form.
    """
    return (
        ("Status", status),
        ("Machine", text(record.hostname) or "unknown: there was no login"),
        ("Machine-id", text(record.machine_id or "")),
        ("Endpoint", text(record.host)),
        ("User", text(record.user)),
        ("Started", started),
        ("Duration", duration_of_run(record)),
        ("Runbook", code(record.source)),
        ("Initial state", text(record.state_found)),
        ("Final state", final_state(record)),
    )


def step_facts(step: StepRecord) -> list[str]:
    """Return how long a step took, how often it ran, and its exit status, as far as they are known."""
    facts = []
    if step.status in ("done", "failed"):
        facts.append(f"{step.seconds:.1f} s, started at {step.started:.1f} s")
    if step.times > 1:
        facts.append(f"run {step.times} times")
    if step.exit_status is not None:
        facts.append(f"exit status {step.exit_status}")
    return facts


def escaped(text: str, limit: int = _TEXT) -> str:
    """Return one line of any text."""
    return html.escape(printable(text, limit))


def escaped_lines(text: str) -> str:
    """Return a text of several lines."""
    return "\n".join(escaped(line, _LINE) for line in text.split("\n"))


def has_colours(text: str) -> bool:
    """Return whether a text with SGR sequences sets a colour."""
    return any(style.ink or style.paper for style, _ in styled_runs(text))


def coloured_html(text: str) -> str:
    """Return a text of several lines with its colours and bold; all other control sequences are dropped."""
    return "\n".join(_coloured_line(line) for line in _lines(styled_runs(text)))


def _lines(runs: StyledText) -> list[StyledText]:
    lines: list[list[tuple[Style, str]]] = [[]]
    for style, text in runs:
        first, *others = text.split("\n")
        lines[-1].append((style, first))
        lines += [[(style, other)] for other in others]
    return [tuple(line) for line in lines]


def _coloured_line(line: StyledText) -> str:
    if sum(len(text) for _, text in line) > _LINE:
        (style, text), *others = last_characters(line, _LINE)
        line = ((style, f"…{text}"), *others)
    return "".join(_span(style.readable, text) for style, text in line)


def _span(style: Style, text: str) -> str:
    styles = [
        *([f"color:{_hex(style.ink)}"] if style.ink else []),
        *([f"background:{_hex(style.paper)}"] if style.paper else []),
        *(["font-weight:bold"] if style.bold else []),
    ]
    shown = html.escape(text)
    return f'<span style="{";".join(styles)}">{shown}</span>' if styles and text else shown


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
