"""Common parts of the models of a runbook: their base class, the types of fields, and the checks of values. No I/O."""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from .template import TemplateInvalid, parse_template
from .words import excerpt

__all__ = [
    "Name", "NotBoolean", "Seconds", "ShortText", "Strict", "Text", "as_text", "check_pattern", "check_template",
    "is_number",
]  # fmt: skip

_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,9})?", re.ASCII)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=65536)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _refuse_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("expected a number, not true or false")
    return value


NotBoolean = BeforeValidator(_refuse_boolean)
Seconds = Annotated[float, Field(gt=0, le=24 * 3600), NotBoolean]


class Strict(BaseModel):
    """Base of all models: no unknown keys, no changes after creation, valid templates in all texts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Fields that are not templates: double braces in them have no meaning.
    literal: ClassVar[tuple[str, ...]] = ()
    #: The field that a plain text or number sets, if the file has one in place of a mapping.
    short: ClassVar[str | None] = None

    @field_validator("*", mode="after")
    @classmethod
    def _check_templates(cls, value: Any, info: ValidationInfo) -> Any:
        if info.field_name not in cls.literal:
            check_template(value)
        return value


def check_template(value: Any) -> None:
    """Raise `ValueError` if `value` is a text but not a valid template."""
    if isinstance(value, str):
        try:
            parse_template(value)
        except TemplateInvalid as error:
            raise ValueError(str(error)) from None


def check_pattern(text: str | None) -> str | None:
    """Return `text`; raise `ValueError` if it is not a regular expression. Placeholders may stand for anything."""
    if text is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about sets whose meaning may change in a later Python
            re.compile(re.sub(r"\{\{.*?\}\}", "x", text))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"'{excerpt(text)}' is not a valid regular expression: {error}") from None
    return text


def as_text(value: Any) -> Any:
    """Return a number or boolean of the file as text; any other value unchanged."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def is_number(text: str) -> bool:
    """Whether `text` is a number such as 12, -3 or 1.50."""
    return _NUMBER.fullmatch(text) is not None
