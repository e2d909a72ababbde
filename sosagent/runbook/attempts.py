"""A step while it runs: how often it has been run, its result so far, and its record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ..console.events import Event
from .model import Step
from .outcome import Outcome
from .plan import changes_machine, program_of
from .record import Status, StepRecord
from .site import Site
from .words import excerpt

__all__ = ["Attempts"]

_SCREEN_BYTES = 16384
_EVENT_TEXT = 200


@dataclass
class Attempts:
    """The state of a step while it runs.

    Fields:
        number: of the step.
        current_title: returns the step's title, in which more names have values after a login.
        started: when, in seconds from the start of the run; see `WorkClock`.
        times: how often it has been run.
        status: becomes ``done`` or ``skipped``.
        outcome: the outcome of the latest attempt.
    """

    number: str
    current_title: Callable[[], str]
    started: float
    times: int = 0
    status: Status = "failed"
    outcome: Outcome = field(default_factory=Outcome)

    @property
    def title(self) -> str:
        """The step's name, with values in place of the placeholders."""
        return self.current_title()

    def emit(self, site: Site, kind: Literal["start", "done", "failed", "detail"], text: str = "") -> None:
        """Show the progress of the step."""
        result = f": {excerpt(text, _EVENT_TEXT)}" if text else ""
        site.console.emit(Event(kind, f"[{self.number}] {self.title}{result}"))

    def record(self, site: Site, step: Step, now: float) -> StepRecord:
        """Return the record of the step.

        Args:
            site: where it ran.
            step: the step.
            now: the seconds since the start of the run.
        """
        outcome = self.outcome
        return StepRecord(
            self.number,
            self.title,
            step.action,
            self.status,
            self.started,
            now - self.started,
            self.times,
            outcome.message,
            outcome.output,
            outcome.exit_status,
            site.console.output[-_SCREEN_BYTES:],
            program_of(step),
            outcome.coloured,
            changes_machine(step),
        )
