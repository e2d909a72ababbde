"""Helpers of the runbook tests: write a runbook, run it on a lab, and look at the record."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from sosagent.errors import SosError
from sosagent.lab import Lab
from sosagent.runbook.api import run_runbook
from sosagent.runbook.record import RunRecord, record_of

from ..conftest import target_of

__all__ = ["EXAMPLES", "SECRET", "fail_on", "output_of", "recorded", "run_on", "statuses", "typed_on", "write_runbook"]

SECRET = "Tr0ub4dor-and-3"
EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_E = TypeVar("_E", bound=SosError)


def write_runbook(folder: Path, steps: str, head: str = "") -> Path:
    """Write a runbook with these steps (indented YAML) and other keys, and return its path."""
    path = folder / f"book{len(list(folder.glob('*.yml')))}.yml"
    path.write_text(f"name: try\n{head}\nsteps:\n{steps}\n")
    return path


async def run_on(lab: Lab, path: Path, parameters: Mapping[str, Any] | None = None, **options: Any) -> RunRecord:
    """Run a runbook on a lab and return the record."""
    return await run_runbook(target_of(lab), path, parameters, **{"password": lab.password, **options})


async def fail_on(lab: Lab, path: Path, kind: type[_E], **options: Any) -> tuple[_E, RunRecord]:
    """Run a runbook that fails on a lab, and return its error and record."""
    with pytest.raises(kind) as caught:
        await run_on(lab, path, **options)
    return caught.value, recorded(caught.value)


def recorded(error: BaseException) -> RunRecord:
    """Return the record of the run that `error` ended."""
    record = record_of(error)
    assert record is not None
    return record


def statuses(record: RunRecord) -> dict[str, str]:
    """Return the status of each step, by its number."""
    return {step.number: step.status for step in record.steps}


def output_of(record: RunRecord, number: str) -> str:
    """Return the output of a step."""
    return next(step.output for step in record.steps if step.number == number)


def typed_on(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> bytearray:
    """Return everything that is typed on a lab's machine from now on; it grows."""
    typed = bytearray()
    type_ = lab.machine.type

    def spy(data: bytes) -> None:
        typed.extend(data)
        type_(data)

    monkeypatch.setattr(lab.machine, "type", spy)
    return typed
