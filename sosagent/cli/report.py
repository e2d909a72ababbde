"""The record of a run as one HTML page for a ticket: no scripts, no external resources, all text escaped."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import UsageError
from ..picture import Picture
from ..printable import printable
from ..sudo import take_owner
from .report_text import (
    MARKS,
    coloured_html,
    escaped,
    escaped_lines,
    has_colours,
    run_facts,
    started_at,
    step_facts,
)

if TYPE_CHECKING:
    from ..runbook.record import RunRecord, StepRecord

__all__ = ["page", "write_page"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_COLUMNS, _ROWS = 80, 24


def page(record: RunRecord, cast: str | None = None) -> str:
    """Return the page.

    Args:
        record: the record of the run.
        cast: the file name of the recording of the console, if there is one.
    """
    body = "\n".join(
        part
        for part in (
            _head(record),
            _error(record),
            _listed("Warnings", record.warnings),
            _parameters(record),
            _table_of_steps(record),
            *_steps(record),
            _recording(cast),
        )
        if part
    )
    style = files(__package__).joinpath("report.css").read_text("utf-8")
    title = f"{escaped(record.runbook)} on {escaped(record.hostname or record.host)}: {escaped(record.status)}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
{body}
</main>
<footer><p class="about">Written by sosagent {escaped(__version__)}.</p></footer>
</body>
</html>
"""


def write_page(path: Path, text: str) -> None:
    """Write a page atomically. Only its owner can read it, because it contains a machine's output.

    Args:
        path: an existing file is replaced; a pipe or a terminal is written to.
        text: the page.

    Raises:
        UsageError: it cannot be written; an existing file is unchanged.
    """
    try:
        real = path.resolve()
        if real.exists() and not real.is_file():
            real.write_text(text, "utf-8")
            return
        handle, name = tempfile.mkstemp(dir=real.parent, prefix=".sosagent-")  # mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                take_owner(handle, real.stat() if real.exists() else None, real.parent)
                file.write(text)
            Path(name).replace(real)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UsageError(
            f"cannot write {printable(str(path))}: {error.strerror}",
            hint="Pass --report a file in a folder that you can write to.",
        ) from None


def _status(status: str) -> str:
    kind = status if status in ("done", "failed") else "note"
    return f'<span class="{kind}"><span aria-hidden="true">{MARKS.get(status, "")}</span> {escaped(status)}</span>'


def _rows(label: str, facts: Iterable[tuple[str, str]]) -> str:
    """Return a table of two columns. Names are escaped here; values are HTML already."""
    rows = "\n".join(f'<tr><th scope="row">{escaped(name)}</th><td>{value}</td></tr>' for name, value in facts if value)
    return _scrolling(label, f'<table class="facts">\n{rows}\n</table>')


def _scrolling(label: str, table: str) -> str:
    """Return a table in a box that scrolls sideways if the page is too narrow for it."""
    return f'<div class="scroll" tabindex="0" role="region" aria-label="{escaped(label)}">{table}</div>'


def _preformatted(kind: str, label: str, content: str) -> str:
    """Return lines of text in a box that scrolls sideways; `content` is HTML."""
    return f'<pre class="scroll {kind}" tabindex="0" role="region" aria-label="{escaped(label, 200)}">{content}</pre>'


def _head(record: RunRecord) -> str:
    description = (
        f'<p class="about lines">{escaped_lines(record.description.strip())}</p>' if record.description.strip() else ""
    )
    facts = run_facts(
        record,
        status=_status(record.status),
        started=f'<time datetime="{record.began.isoformat(timespec="seconds")}">{started_at(record)}</time>',
        text=escaped,
        code=lambda text: f"<code>{escaped(text)}</code>",
    )
    return f"<h1>{escaped(record.runbook)}</h1>\n{description}\n{_rows('About this run', facts)}"


def _error(record: RunRecord) -> str:
    error = record.error
    if error is None:
        return ""
    parts = [f"<p><strong>{escaped(str(error.get('message', '')))}</strong></p>"]
    if error.get("hint"):
        parts.append(f'<p class="lines">{escaped_lines(str(error["hint"]))}</p>')
    if error.get("state"):
        parts.append(f'<p class="note">Console state: {escaped(str(error["state"]))}</p>')
    if error.get("tail"):
        tail = escaped_lines("\n".join(map(str, error["tail"])))
        parts.append(f'<p class="note">Last lines:</p>\n{_preformatted("tail", "Last lines", tail)}')
    return '<h2>Error</h2>\n<div class="box">\n' + "\n".join(parts) + "\n</div>"


def _listed(title: str, lines: Iterable[str]) -> str:
    items = "\n".join(f"<li>{escaped(line)}</li>" for line in lines)
    return f"<h2>{title}</h2>\n<ul>\n{items}\n</ul>" if items else ""


def _parameters(record: RunRecord) -> str:
    if not record.parameters:
        return ""
    facts = ((name, f"<code>{escaped(value)}</code>") for name, value in record.parameters.items())
    return f"<h2>Parameters</h2>\n{_rows('Parameters', facts)}"


def _table_of_steps(record: RunRecord) -> str:
    rows = []
    for at, step in enumerate(record.steps):
        name = escaped(step.name, 200)
        remark = step.said if step.status not in ("done", "failed") else ""  # the details of those have it
        note = f'<br><span class="note">{escaped(remark, 300)}</span>' if remark else ""
        linked = f'<a href="#step-{at + 1}">{name}</a>' if _has_details(step) else name
        seconds = f"{step.seconds:.1f} s" if step.status in ("done", "failed") else ""
        rows.append(
            f'<tr><th scope="row" class="number">{_number(step)}</th><td>{linked}{note}</td>'
            f'<td class="status">{_status(step.status)}</td><td class="seconds">{seconds}</td></tr>'
        )
    head = "".join(
        f'<th scope="col" class="{kind}">{title}</th>'
        for kind, title in (("number", "Step"), ("name", "Name"), ("status", "Status"), ("seconds", "Duration"))
    )
    listed = "\n".join(rows)
    table = f'<table class="steps">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{listed}\n</tbody>\n</table>'
    return f"<h2>Steps</h2>\n{_scrolling('Steps', table)}"


def _number(step: StepRecord) -> str:
    """Return a step's number with line break opportunities: ``on_failure 1`` is too wide for a small screen."""
    return escaped(step.number, 20).replace(".", ".<wbr>").replace("on_failure ", "on_failure<br>")


def _has_details(step: StepRecord) -> bool:
    """Whether a step has details that the table of steps does not show."""
    return step.status in ("done", "failed") or bool(step.output or step.program)


def _steps(record: RunRecord) -> Iterator[str]:
    if any(map(_has_details, record.steps)):
        yield "<h2>Details</h2>"
    shown = b""
    for at, step in enumerate(record.steps):
        if _has_details(step):
            yield _step(step, at + 1, step.screen != shown)
            shown = step.screen or shown


def _step(step: StepRecord, place: int, changed: bool) -> str:
    facts = [_status(step.status), f"<code>{escaped(step.action, 40)}</code>", *step_facts(step)]
    parts = [
        f'<section class="step" id="step-{place}" aria-labelledby="name-{place}">',
        f'<h3 id="name-{place}">{escaped(step.number, 80)}. {escaped(step.name, 200)}</h3>',
        f"<p>{' · '.join(facts)}</p>",
    ]
    if step.said and step.said != f"exit status {step.exit_status}":
        parts.append(f'<p class="note">{escaped(step.said)}</p>')
    if step.program:
        parts.append('<p class="label">Program</p>')
        parts.append(_preformatted("program", f"Program of step {step.number}", escaped_lines(step.program)))
    # The output of a planned step is what it would do.
    output = "" if step.status == "planned" and step.program else step.coloured or step.output
    if output:
        parts.append('<p class="label">Output</p>' if step.status != "planned" else "")
        kind = "output colours" if has_colours(output) else "output"
        parts.append(_preformatted(kind, f"Output of step {step.number}", coloured_html(output)))
    if step.screen and changed:
        parts.append(_screen(step))
    return "\n".join([*parts, "</section>"])


def _screen(step: StepRecord) -> str:
    drawn = Picture(step.screen, _COLUMNS, _ROWS, "").html()
    if not drawn:
        return ""
    opened = " open" if step.status == "failed" else ""
    label = f"Console after step {escaped(step.number, 80)}"
    return (
        f"<details{opened}><summary>Console after this step</summary>\n"
        f'<pre class="scroll screen" tabindex="0" role="region" aria-label="{label}">{drawn}</pre></details>'
    )


def _recording(cast: str | None) -> str:
    if cast is None:
        return ""
    command = escaped(f"asciinema play {shlex.quote(printable(cast))}")
    return (
        f"<h2>Recording</h2>\n<p><code>{escaped(cast)}</code> is a recording of the whole console, without secrets. "
        f"To play it: <code>{command}</code></p>"
    )
