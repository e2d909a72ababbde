"""The record of a run: what a runbook did, step by step. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from ..secrets.marks import REDACTED
from ..terminal.sgr import plain_text

__all__ = ["RunRecord", "Status", "StepRecord", "attach_record", "record_fields", "record_of", "redacted"]

Status = Literal["done", "failed", "skipped", "not run", "planned"]


@dataclass(frozen=True)
class StepRecord:
    """The record of one step.

    Fields:
        number: ``3``; ``3.1`` in a runbook that step 3 includes; ``on_failure 1``, ``finally 1``.
        name: the step's name, or a description of its action.
        action: the key of the action.
        status: the outcome.
        started: seconds from the start of the run.
        seconds: how long the step took.
        times: how often it was repeated.
        said: the result in one sentence.
        output: the output of its program, or the program itself in a plan; without secrets.
        exit_status: the exit status of its program.
        screen: the last bytes that the console sent before the step ended, to draw its screen; without secrets.
            Empty if control sequences are in the middle of a secret in them.
        program: the program of a `run` step, as in the runbook; empty for other actions.
        coloured: the output with its colours and bold as SGR sequences, and no other control sequences; empty if it
            has none.
        changes: whether the step changes the machine, as far as the runbook says so.
    """

    number: str
    name: str
    action: str
    status: Status
    started: float = 0.0
    seconds: float = 0.0
    times: int = 0
    said: str = ""
    output: str = ""
    exit_status: int | None = None
    screen: bytes = b""
    program: str = ""
    coloured: str = ""
    changes: bool = False


@dataclass(frozen=True)
class RunRecord:
    """The record of a run.

    Fields:
        runbook: its name.
        source: the file or shipped runbook that was requested.
        description: the description of the runbook.
        host: the endpoint.
        user: the user that logged in.
        began: when the run started, in UTC.
        status: ``done``, ``failed``, or ``planned`` for a dry run.
        parameters: their values, without secrets.
        steps: in the order in which they ran.
        hostname, machine_id: the identity of the machine; empty and None if no shell was started.
        seconds: how long the run took.
        state_found: the console's state at the first login; empty if there was no login.
        logged_out: whether that state was seen again after each logout; None if there was no login.
        warnings: problems while logging out.
        error: the failure (code, message, hint, state, tail), or None.
    """

    runbook: str
    source: str
    description: str
    host: str
    user: str
    began: datetime
    status: Literal["done", "failed", "planned"]
    parameters: dict[str, str]
    steps: tuple[StepRecord, ...]
    hostname: str = ""
    machine_id: str | None = None
    seconds: float = 0.0
    state_found: str = ""
    logged_out: bool | None = None
    warnings: tuple[str, ...] = ()
    error: dict[str, Any] | None = field(default=None)


def attach_record(error: BaseException, record: RunRecord) -> None:
    """Set ``error.record``, so that the caller of a failed or cancelled run can see what it did."""
    vars(error)["record"] = record


def record_of(error: BaseException) -> RunRecord | None:
    """Return the record of the run that `error` ended, if there is one."""
    record = getattr(error, "record", None)
    return record if isinstance(record, RunRecord) else None


def redacted(record: RunRecord, redact: Callable[[str], str]) -> RunRecord:
    """Return the record with `redact` applied to the texts of the runbook, the caller and the machine."""

    def redacted_step(step: StepRecord) -> StepRecord:
        output = redact(step.output)
        return replace(
            step,
            name=redact(step.name),
            said=redact(step.said),
            output=output,
            program=redact(step.program),
            # A change of colour may be in the middle of a secret.
            coloured=step.coloured if output == step.output == plain_text(step.coloured) else "",
            screen=b"" if shows_secret(step.screen) else step.screen,
        )

    def shows_secret(screen: bytes) -> bool:
        """Whether a screen shows a secret that control sequences or the end of a line have split."""
        text = plain_text(screen.decode("utf-8", "replace")).replace(REDACTED, "")
        return any(redact(one) != one for one in (text, text.replace("\n", "")))

    error = record.error and {
        key: redact(value) if isinstance(value, str) else [redact(line) for line in value]
        for key, value in record.error.items()
    }
    return replace(
        record,
        parameters={name: redact(value) for name, value in record.parameters.items()},
        steps=tuple(map(redacted_step, record.steps)),
        warnings=tuple(map(redact, record.warnings)),
        error=error,
    )


def record_fields(record: RunRecord) -> dict[str, Any]:
    """Return the record for JSON, without the screens."""
    steps = [
        {
            "number": step.number,
            "name": step.name,
            "action": step.action,
            "program": step.program.splitlines(),
            "changes": step.changes,
            "status": step.status,
            "started": round(step.started, 3),
            "seconds": round(step.seconds, 3),
            "times": step.times,
            "said": step.said,
            "output": step.output.splitlines(),
            "exit_status": step.exit_status,
        }
        for step in record.steps
    ]
    return {
        "status": record.status,
        "runbook": record.runbook,
        "source": record.source,
        "host": record.host,
        "user": record.user,
        "machine": {"hostname": record.hostname or None, "machine_id": record.machine_id},
        "began": record.began.isoformat(timespec="seconds"),
        "seconds": round(record.seconds, 3),
        "parameters": record.parameters,
        "steps": steps,
        "state_found": record.state_found or None,
        "logged_out": record.logged_out,
        "warnings": list(record.warnings),
        "error": record.error,
    }
