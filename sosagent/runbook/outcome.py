"""The result of running a step once. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import SosError

__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """The result of running a step once.

    Fields:
        message: the result in one sentence.
        output: the output of its program, safe to print.
        exit_status: the exit status of its program.
        value: what `store` keeps: ``output`` and other parts, by name.
        failure: the error if the step failed after its program had run.
    """

    message: str = ""
    output: str = ""
    exit_status: int | None = None
    value: Mapping[str, Any] = field(default_factory=dict)
    failure: SosError | None = None

    def succeeded(self) -> Outcome:
        """Return the same outcome without the failure."""
        return replace(self, failure=None)

    def failed(self, failure: SosError) -> Outcome:
        """Return the same outcome with a failure."""
        return replace(self, failure=failure)
