"""The result of running a step once. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import PasswordMissing, SosError, StepFailed, UsageError

__all__ = ["Outcome", "step_failure"]


@dataclass(frozen=True)
class Outcome:
    """The result of running a step once.

    Fields:
        message: the result in one sentence.
        output: the output of its program, safe to print.
        coloured: the same output with its colours; see `StepRecord`.
        exit_status: the exit status of its program.
        value: what `store` keeps: ``output`` and other parts, by name.
        failure: the error if the step failed after its program had run.
    """

    message: str = ""
    output: str = ""
    exit_status: int | None = None
    value: Mapping[str, Any] = field(default_factory=dict)
    failure: SosError | None = None
    coloured: str = ""

    def succeeded(self) -> Outcome:
        """Return the same outcome without the failure."""
        return replace(self, failure=None)

    def failed(self, failure: SosError) -> Outcome:
        """Return the same outcome with a failure."""
        return replace(self, failure=failure)


def step_failure(error: SosError) -> SosError:
    """Return the error of a step that `error` ended: a `UsageError` would mean that nothing was sent.

    `PasswordMissing` is returned as it is: the login needs it, not the step.
    """
    if not isinstance(error, UsageError) or isinstance(error, PasswordMissing):
        return error
    hint = error.hint or "Correct it; `--from STEP` starts again at that step."
    failure = StepFailed(error.message, hint=hint, state=error.state, tail=error.tail)
    for note in getattr(error, "__notes__", ()):
        failure.add_note(note)
    return failure
