"""Show a runbook, a plan or the record of a run as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ..printable import printable

if TYPE_CHECKING:
    from ..runbook.load import Loaded
    from ..runbook.record import RunRecord

__all__ = ["fields_of_runbook", "lines_of_plan", "lines_of_record", "lines_of_runbook", "lines_of_steps"]

_MARKS = {"done": "ok", "failed": "FAILED", "skipped": "skipped", "not run": "not run", "planned": ""}
_MOST_LINES = 40


def lines_of_runbook(loaded: Loaded) -> Iterator[str]:
    """Yield what a user wants to know before running a runbook: its purpose, parameters and steps."""
    from ..runbook.plan import changes_machine, numbered, title_of

    runbook = loaded.runbook
    yield printable(runbook.name)
    for line in runbook.description.strip().splitlines():
        yield f"  {printable(line)}"
    if runbook.parameters:
        yield "Parameters:"
    for name, one in runbook.parameters.items():
        default = "required" if one.default is None else f"default {printable(str(one.default), 60)!r}"
        kind = " | ".join(one.choices) if one.choices else one.type
        yield f"  {name} ({printable(kind, 200)}, {default}) {printable(one.description or '')}".rstrip()
    yield "Steps:"
    for number, step in numbered(loaded):
        yield f"  {number:>4} {title_of(step)}" + ("  (changes the machine)" if changes_machine(step) else "")


def fields_of_runbook(loaded: Loaded) -> dict[str, Any]:
    """Return the JSON fields of a runbook."""
    from ..runbook.plan import changes_machine, numbered, title_of

    runbook = loaded.runbook
    return {
        "title": runbook.name,
        "description": runbook.description.strip(),
        "parameters": [
            {
                "name": name,
                "type": one.type,
                "choices": list(one.choices or ()),
                "default": one.default,
                "required": one.default is None,
                "description": one.description or "",
            }
            for name, one in runbook.parameters.items()
        ],
        "steps": [
            {"number": number, "title": title_of(step), "changes": changes_machine(step)}
            for number, step in numbered(loaded)
        ],
    }


def lines_of_plan(record: RunRecord) -> Iterator[str]:
    """Yield what a run would do."""
    yield f"{printable(record.runbook)} on {printable(record.host)}, as {printable(record.user)} (--dry-run)"
    for name, value in record.parameters.items():
        yield f"  {name} = {printable(value)}"
    for step in record.steps:
        yield f"  [{step.number}] {step.name}" + (f"  ({step.said})" if step.said else "")
        if "\n" in step.output or not step.name.endswith(step.output):
            yield from (f"        {line}" for line in step.output.splitlines())
    yield "Nothing was done."


def lines_of_steps(record: RunRecord, first: int) -> Iterator[str]:
    """Yield the steps of a plan before the question whether to run them.

    Args:
        record: the plan.
        first: index of the first step that runs.
    """
    yield f"{printable(record.runbook)} on {printable(record.host)}, as {printable(record.user)}:"
    for step in record.steps:
        top = step.number.partition(".")[0]
        if not top.isdecimal() or int(top) > first:
            yield f"  [{step.number}] {printable(step.name)}" + (f"  ({step.said})" if step.said else "")


def lines_of_record(record: RunRecord, everything: bool) -> Iterator[str]:
    """Yield what a run did.

    Args:
        record: the record of the run.
        everything: include the whole output of all steps; otherwise the last lines of programs.
    """
    machine = f" ({printable(record.hostname)})" if record.hostname else ""
    yield f"{printable(record.runbook)} on {printable(record.host)}{machine}: {record.status}, {record.seconds:.1f} s"
    for step in record.steps:
        result = f"  {printable(step.said, 600)}" if step.said else ""
        yield f"  {_MARKS[step.status]:<8} {step.number:>4} {step.name}{result}".rstrip()
        if step.output and (everything or step.action == "run"):
            lines = step.output.splitlines()
            if len(lines) > _MOST_LINES and not everything:
                yield f"           | ({len(lines) - _MOST_LINES} earlier lines: see --json or --report)"
                lines = lines[-_MOST_LINES:]
            yield from (f"           | {printable(line, 1000)}" for line in lines)
    for warning in record.warnings:
        yield f"  warning: {printable(warning, 1000)}"
