"""The models of a runbook, of its parameters and of its steps. No I/O."""

from __future__ import annotations

import re
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from .conditions import Condition, Repeat
from .fields import Name, Seconds, ShortText, Strict, as_text, check_pattern, is_number
from .words import FieldError, excerpt

__all__ = ["Parameter", "Runbook", "Step"]


class Parameter(Strict):
    """A value that the caller passes to a runbook."""

    literal: ClassVar[tuple[str, ...]] = ("description", "default", "pattern")
    type: Literal["text", "number", "flag", "secret", "file", "choice"] = Field(
        "text", description="Type of the value."
    )
    description: ShortText | None = Field(None, description="Shown to the user.")
    default: str | int | float | bool | None = Field(
        None, description="Default value. Without one, the caller must pass a value."
    )
    pattern: ShortText | None = Field(None, description="Regular expression that must match the whole value.")
    choices: tuple[ShortText, ...] = Field((), description="The values that type choice allows.")

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        return check_pattern(value)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.type == "choice" and not self.choices:
            raise FieldError("type", "a parameter of type choice needs a list of choices")
        if self.type != "choice" and self.choices:
            raise FieldError("choices", "only a parameter of type choice may have choices")
        if self.type == "secret" and self.default is not None:
            raise FieldError("default", "a secret must not have a default: everyone who reads the file would know it")
        if self.default is not None:
            self._check_default(str(as_text(self.default)))
        return self

    def _check_default(self, text: str) -> None:
        shown = excerpt(text)
        if "\0" in text:
            raise FieldError(
                "default", f"the default '{shown}' contains a NUL character, which cannot be passed to a program"
            )
        if self.type == "choice" and text not in self.choices:
            raise FieldError("default", f"the default '{shown}' is not one of the choices: {', '.join(self.choices)}")
        if self.type == "number" and not is_number(text):
            raise FieldError("default", f"the default '{shown}' is not a number")
        if self.type == "flag" and not isinstance(self.default, bool):
            raise FieldError("default", f"the default '{shown}' is not true or false")
        if self.pattern is not None and re.fullmatch(self.pattern, text) is None:
            raise FieldError("default", f"the default '{shown}' does not match the pattern {self.pattern}")


class Step(Strict):
    """One step: an action, and when, how often and how long it runs.

    Fields:
        changes: whether it changes the machine; None if the action decides that.
        action: the key of the action, one of `actions.ACTIONS`.
        options: the action's options, an instance of its model. `check.read_runbook` makes it.
    """

    name: ShortText | None = None
    when: Condition | None = None
    repeat: Repeat | None = None
    timeout: Seconds | None = None
    changes: bool | None = None
    action: str
    options: Strict


class Runbook(Strict):
    """A checked runbook."""

    literal: ClassVar[tuple[str, ...]] = ("name", "description")
    name: ShortText
    description: str = ""
    parameters: dict[Name, Parameter] = Field(default_factory=dict)
    timeout: Seconds = 600.0
    steps: tuple[Step, ...]
    on_failure: tuple[Step, ...] = ()
    finally_: tuple[Step, ...] = Field((), alias="finally")

    def section(self, key: str) -> tuple[Step, ...]:
        """Return the steps under `key`: ``steps``, ``on_failure`` or ``finally``."""
        return {"steps": self.steps, "on_failure": self.on_failure, "finally": self.finally_}[key]
