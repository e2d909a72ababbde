"""The models of `when` and `repeat`. No I/O."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from .fields import NotBoolean, Strict, as_text, check_pattern

__all__ = ["Condition", "Repeat"]


class Condition(Strict):
    """A condition on a value. Without a comparison, the value must not be empty, `false`, `no` or `0`."""

    short: ClassVar[str | None] = "that"
    that: str = Field(description="The value, such as {{ disk }}.")
    equals: str | None = Field(None, description="Text that the value must be equal to.")
    matches: str | None = Field(None, description="Regular expression that must match somewhere in the value.")
    contains: str | None = Field(None, description="Text that the value must contain.")
    negate: bool = Field(False, alias="not", description="Invert the condition.")

    @field_validator("matches")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        return check_pattern(value)

    @field_validator("that", "equals", "contains", mode="before")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        return as_text(value)

    @model_validator(mode="after")
    def _has_one_comparison(self) -> Self:
        if sum(one is not None for one in (self.equals, self.matches, self.contains)) > 1:
            raise ValueError("a condition may have only one of equals, matches and contains")
        return self

    @property
    def comparison(self) -> tuple[str, str] | None:
        """The comparison's key and text, such as ``("equals", "yes")``, or None."""
        for name in ("equals", "matches", "contains"):
            text = getattr(self, name)
            if text is not None:
                return name, text
        return None


class Repeat(Strict):
    """Repeat a step until a condition is true."""

    until: Condition
    times: Annotated[int, Field(ge=1, le=1000), NotBoolean] = 10
    pause: Annotated[float, Field(ge=0, le=3600), NotBoolean] = Field(1.0, description="Seconds between repetitions.")

    @field_validator("until", mode="before")
    @classmethod
    def _short_until(cls, value: Any) -> Any:
        return {"that": value} if isinstance(value, str | int | float) else value
