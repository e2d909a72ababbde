"""What a runbook may say: parameters and steps, as pydantic models. No I/O."""

from __future__ import annotations

import re
import warnings
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ..terminal.states import STATES
from .template import TemplateInvalid, parse_template
from .words import InField, beginning, near

__all__ = ["ACTIONS", "KEYS", "Condition", "Parameter", "Repeat", "Runbook", "Step", "as_text", "is_number"]

_NAME = r"[a-z][a-z0-9_]{0,39}"
_Name = Annotated[str, StringConstraints(pattern=f"^{_NAME}$")]
_Text = Annotated[str, StringConstraints(min_length=1, max_length=65536)]
_Short = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("a number was expected, not true or false")
    return value


_NoFlag = BeforeValidator(_no_flag)
_Seconds = Annotated[float, Field(gt=0, le=24 * 3600), _NoFlag]
_Status = Annotated[int, Field(ge=0, le=255)]
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,9})?", re.ASCII)


#: What keys are called, and what a terminal of the vt100's kind sends for them.
KEYS = {
    "enter": "\r", "esc": "\x1b", "tab": "\t", "space": " ", "backspace": "\x7f", "delete": "\x1b[3~",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[1~", "end": "\x1b[4~",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~",
    **{f"f{at + 1}": f"\x1bO{letter}" for at, letter in enumerate("PQRS")},
    **{f"f{at + 5}": f"\x1b[{number}~" for at, number in enumerate((15, 17, 18, 19, 20, 21, 23, 24))},
    **{f"ctrl-{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"},
}  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Fields whose braces are the text's own.
    as_they_are: ClassVar[tuple[str, ...]] = ()

    @field_validator("*", mode="after")
    @classmethod
    def _has_sound_holes(cls, value: Any, info: ValidationInfo) -> Any:
        if info.field_name not in cls.as_they_are:
            cls._has_sound(value)
        return value

    @staticmethod
    def _has_sound(value: Any) -> None:
        if isinstance(value, str):
            try:
                parse_template(value)
            except TemplateInvalid as error:
                raise ValueError(str(error)) from None


class Parameter(_Strict):
    """A value that the caller gives."""

    as_they_are: ClassVar[tuple[str, ...]] = ("description", "default", "pattern")
    type: Literal["text", "number", "flag", "secret", "file", "choice"] = Field("text", description="What it may be.")
    description: _Short | None = Field(None, description="For people.")
    default: str | int | float | bool | None = Field(None, description="Without one, it must be given.")
    pattern: _Short | None = Field(None, description="A regular expression that the whole text must fit.")
    choices: tuple[_Short, ...] = Field((), description="Of a choice.")

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        return None if value is None else _pattern(value)

    @model_validator(mode="after")
    def _fits(self) -> Parameter:
        if self.type == "choice" and not self.choices:
            raise InField("type", "a choice needs its choices: a list of texts")
        if self.type != "choice" and self.choices:
            raise InField("choices", "only the type choice has choices")
        if self.type == "secret" and self.default is not None:
            raise InField("default", "a secret has no default: everybody who reads the file would know it")
        if self.default is not None:
            self._check_default(str(as_text(self.default)))
        return self

    def _check_default(self, text: str) -> None:
        shown = beginning(text)
        if "\0" in text:
            raise InField("default", f"the default '{shown}' holds a NUL, which no program can be given")
        if self.type == "choice" and text not in self.choices:
            raise InField("default", f"the default '{shown}' is none of the choices: {', '.join(self.choices)}")
        if self.type == "number" and not is_number(text):
            raise InField("default", f"the default '{shown}' is no number")
        if self.type == "flag" and not isinstance(self.default, bool):
            raise InField("default", f"the default '{shown}' is neither true nor false")
        if self.pattern is not None and re.fullmatch(self.pattern, text) is None:
            raise InField("default", f"the default '{shown}' does not fit the pattern {self.pattern}")


def as_text(value: Any) -> Any:
    """A number or a flag of the file as the text that stands for it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def is_number(text: str) -> bool:
    """Whether a text is a number as people write them: 12, -3, 1.50."""
    return _NUMBER.fullmatch(text) is not None


def _pattern(text: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sets that may mean something else one day
            re.compile(re.sub(r"\{\{.*?\}\}", "x", text))
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"'{beginning(text)}' is no regular expression: {error}") from None
    return text


class Login(_Strict):
    """Get to a verified shell; steps that need one do it by themselves."""

    user: _Short | None = Field(None, description="Who logs in; the caller's by default.")
    password: _Short | None = Field(None, description="Of that one: {{ NAME }}, a secret; needed with user.")
    become: Literal["sudo", "su"] | None = Field(None, description="How that one becomes root.")

    @model_validator(mode="after")
    def _has_its_own_password(self) -> Login:
        if self.user is not None and self.password is None:
            words = "a user has a password of its own: password: '{{ NAME }}' is missing, NAME a parameter of type"
            raise InField("user", f"{words} secret; the caller's is typed for nobody else")
        return self


class Run(_Strict):
    """A POSIX sh program on the machine's verified shell. Parameters and stored texts are its variables."""

    short: ClassVar[str] = "program"
    as_they_are: ClassVar[tuple[str, ...]] = ("program",)
    program: _Text = Field(description="It runs at most once; its input is empty.")
    expect: str | None = Field(None, description="A regular expression that its output must hold.")
    status: Annotated[_Status | Annotated[tuple[_Status, ...], Field(min_length=1)] | Literal["any"], _NoFlag] = Field(
        0, description="Exit statuses that are right."
    )
    store: _Name | None = Field(None, description="Name for its output: NAME, NAME.status; $NAME in programs.")
    secret: bool = Field(False, description="Its output is shown and recorded nowhere.")

    @field_validator("expect")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        return None if value is None else _pattern(value)


class Expect(_Strict):
    """Wait for a text on the raw console."""

    short: ClassVar[str] = "pattern"
    pattern: _Text = Field(description="A regular expression.")
    store: _Name | None = Field(None, description="Name for what matched.")

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        return _pattern(value)


class Send(_Strict):
    """Type on the raw console."""

    short: ClassVar[str] = "text"
    text: str = Field(description="As it is.")
    enter: bool = Field(True, description="Whether Enter follows.")
    keys: bool = Field(False, description="Whether the text names keys: ctrl-c, esc, down, f2.")

    @model_validator(mode="after")
    def _keys_are_known(self) -> Send:
        if self.keys and not parse_template(self.text).names:
            for name in self.text.split():
                if name not in KEYS:
                    words = near(name, KEYS) if len(name) > 1 else "; such as enter, esc, ctrl-c, down or f2"
                    raise InField("text", f"no key is called '{beginning(name)}'{words}")
        return self


class Keys(_Strict):
    """Public keys for, or from, authorized_keys."""

    short: ClassVar[str] = "key"
    key: _Text = Field(description="Lines, or a file's name, as KEYFILE.")
    user: _Short | None = Field(None, description="Whose; the login's by default.")


class Upload(_Strict):
    """A file to the machine, its checksum compared there."""

    source: _Text = Field(alias="from", description="Here.")
    target: _Text = Field(alias="to", description="There.")
    mode: Annotated[str, StringConstraints(pattern=r"^0?[0-7]{3}$")] = Field("0600", description="Of the file there.")


class Download(_Strict):
    """A file from the machine, its checksum compared here."""

    source: _Text = Field(alias="from", description="There.")
    target: _Text = Field(alias="to", description="Here.")


class WaitFor(_Strict):
    """Wait for a state of the console, or for a text."""

    state: _Short | None = Field(None, description="Of the table of states.")
    text: _Text | None = Field(None, description="A regular expression.")

    @field_validator("state")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        names = [state.name for state in STATES]
        if value is not None and value not in names:
            raise ValueError(f"no state is called '{beginning(value)}'{near(value, names)}")
        return value

    @model_validator(mode="after")
    def _is_one(self) -> WaitFor:
        if (self.state is None) == (self.text is None):
            raise InField("text", "wait_for takes either a state or a text")
        return self

    @field_validator("text")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        return None if value is None else _pattern(value)


class SendBreak(_Strict):
    """A BREAK, and a SysRq key behind it."""

    sysrq: Annotated[str, StringConstraints(pattern="^[a-z0-9]$")] | None = Field(None, description="One character.")


class Condition(_Strict):
    """Whether a value is as it should be: given alone, whether it is neither empty, false, no nor 0."""

    short: ClassVar[str] = "that"
    that: str = Field(description="The value, such as {{ disk }}.")
    equals: str | None = Field(None, description="The same text.")
    matches: str | None = Field(None, description="A regular expression that is found in it.")
    contains: str | None = Field(None, description="A text that is found in it.")
    negate: bool = Field(False, alias="not", description="The contrary.")

    @field_validator("matches")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        return None if value is None else _pattern(value)

    @field_validator("that", "equals", "contains", mode="before")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        return as_text(value)

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(one is not None for one in (self.equals, self.matches, self.contains)) > 1:
            raise ValueError("a condition has only one of equals, matches and contains")
        return self


class Assert(Condition):
    """Stop unless a value is right."""

    message: _Text | None = Field(None, description="What is said otherwise.")


class Confirm(_Strict):
    """A person says yes."""

    short: ClassVar[str] = "question"
    question: _Text


class Include(_Strict):
    """Another runbook's steps."""

    short: ClassVar[str] = "runbook"
    as_they_are: ClassVar[tuple[str, ...]] = ("runbook",)
    runbook: _Text = Field(description="A shipped one's name, or a file beside this one.")
    parameters: dict[_Name, str | int | float | bool] = Field(default_factory=dict)

    @field_validator("runbook")
    @classmethod
    def _is_known_before(cls, value: str) -> str:
        if "{{" in value:
            raise ValueError("what is included is read before the run: {{ }} is not filled here")
        return value

    @field_validator("parameters")
    @classmethod
    def _have_sound_holes(cls, value: dict[str, Any]) -> dict[str, Any]:
        for one in value.values():
            cls._has_sound(one)
        return value


class Logout(_Strict):
    """Log out, and see the state that was found."""


#: The word of a step -> what it takes.
ACTIONS: dict[str, type[_Strict]] = {
    "login": Login,
    "run": Run,
    "expect": Expect,
    "send": Send,
    "add_key": Keys,
    "remove_key": Keys,
    "upload": Upload,
    "download": Download,
    "wait_for": WaitFor,
    "send_break": SendBreak,
    "assert": Assert,
    "confirm": Confirm,
    "include": Include,
    "logout": Logout,
}


class Repeat(_Strict):
    """A step again, until a condition holds."""

    until: Condition
    times: Annotated[int, Field(ge=1, le=1000), _NoFlag] = 10
    pause: Annotated[float, Field(ge=0, le=3600), _NoFlag] = Field(1.0, description="Seconds between two times.")

    @field_validator("until", mode="before")
    @classmethod
    def _short_until(cls, value: Any) -> Any:
        return {"that": value} if isinstance(value, str | int | float) else value


class Step(_Strict):
    """One step: one action, and what holds for it. `action` is one of `ACTIONS`, made by `check.read_runbook`."""

    as_they_are: ClassVar[tuple[str, ...]] = ("name",)
    name: _Short | None = None
    when: Condition | None = None
    repeat: Repeat | None = None
    timeout: _Seconds | None = None
    action: str
    does: Any

    @field_validator("name")
    @classmethod
    def _is_one(cls, value: str | None) -> str | None:
        if value is not None and "{{" in value:
            raise ValueError("a step's name is shown as it is: {{ }} is not filled here")
        return value


class Runbook(_Strict):
    """A runbook, checked."""

    as_they_are: ClassVar[tuple[str, ...]] = ("name", "description")
    name: _Short
    description: str = ""
    parameters: dict[_Name, Parameter] = Field(default_factory=dict)
    timeout: _Seconds = 600.0
    steps: tuple[Step, ...]
    on_failure: tuple[Step, ...] = ()
    finally_: tuple[Step, ...] = Field((), alias="finally")
