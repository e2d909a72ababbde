"""What a run of a runbook did, step by step. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

__all__ = ["RunRecord", "StepRecord", "record_fields"]

Status = Literal["done", "failed", "skipped", "not run", "planned"]


@dataclass(frozen=True)
class StepRecord:
    """One step.

    Fields:
        number: ``3``; ``3.1`` of what step 3 includes; ``on_failure 1``, ``finally 1``.
        name: its name, or what it does.
        action: the word of the step.
        status: what became of it.
        started, seconds: since the run began, and how long it took.
        times: how often it was done.
        said: what came of it, in a sentence.
        output: what its program printed, or the program itself of a step that is planned; without secrets.
        exit_status: of its program.
        screen: the console's last bytes when it had ended, for a picture of the screen; without secrets.
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


@dataclass(frozen=True)
class RunRecord:
    """A run.

    Fields:
        runbook, source: its name, and what it was called by.
        description: of the runbook.
        host: the endpoint.
        hostname, machine_id: the machine's own, where a shell told them.
        user: who logged in.
        began: when, in UTC.
        seconds: how long it took.
        status: ``done``, ``failed``, or ``planned`` for a dry run.
        parameters: as they were given, secrets left out.
        steps: what was done, in order.
        state_found: the console's state at the first login; empty where none was needed.
        logged_out: whether it was seen to be back; None where nobody logged in.
        warnings: what went wrong on the way back.
        error: what stopped it: code, message, hint, state, tail; None if nothing did.
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


def record_fields(record: RunRecord) -> dict[str, Any]:
    """The record for JSON; without the screens."""
    steps = [
        {
            "number": step.number,
            "name": step.name,
            "action": step.action,
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
