"""The models of the actions: what a step can do, and with which options. No I/O."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from ..terminal.states import STATES
from .conditions import Condition
from .fields import Name, NotBoolean, ShortText, Strict, Text, check_pattern, check_template
from .words import FieldError, unknown

__all__ = [
    "ACTIONS", "KEYS", "Assert", "Confirm", "Download", "Expect", "Include", "Keys", "Login", "Logout", "Run", "Send",
    "SendBreak", "Upload", "WaitFor",
]  # fmt: skip

_Status = Annotated[int, Field(ge=0, le=255)]

#: The names of keys -> the bytes that a VT100-compatible terminal sends for them.
KEYS = {
    "enter": "\r", "esc": "\x1b", "tab": "\t", "space": " ", "backspace": "\x7f", "delete": "\x1b[3~",
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[1~", "end": "\x1b[4~",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~",
    **{f"f{at + 1}": f"\x1bO{letter}" for at, letter in enumerate("PQRS")},
    **{f"f{at + 5}": f"\x1b[{number}~" for at, number in enumerate((15, 17, 18, 19, 20, 21, 23, 24))},
    **{f"ctrl-{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"},
}  # fmt: skip


class Login(Strict):
    """Log in and start a verified shell. Steps that need a shell do this automatically."""

    user: ShortText | None = Field(None, description="User to log in as; by default the caller's.")
    password: ShortText | None = Field(None, description="The user's password: {{ NAME }}, a secret; needed with user.")
    become: Literal["sudo", "su"] | None = Field(None, description="How that user becomes root.")

    @model_validator(mode="after")
    def _has_its_own_password(self) -> Self:
        if self.user is not None and self.password is None:
            words = "user needs password: '{{ NAME }}', a parameter of type secret"
            raise FieldError("user", f"{words}; the caller's password is never typed for another user")
        return self


class Run(Strict):
    """Run a POSIX sh program in the verified shell. Parameters and stored values are its variables."""

    short: ClassVar[str | None] = "program"
    literal: ClassVar[tuple[str, ...]] = ("program",)
    program: Text = Field(description="The program. It runs at most once, with empty standard input.")
    expect: str | None = Field(None, description="Regular expression that must match somewhere in the output.")
    status: Annotated[_Status | Annotated[tuple[_Status, ...], Field(min_length=1)] | Literal["any"], NotBoolean] = (
        Field(0, description="Exit statuses that count as success.")
    )
    store: Name | None = Field(None, description="Name for the output: NAME and NAME.status; $NAME in programs.")
    secret: bool = Field(False, description="Never show or record the output.")

    @field_validator("expect")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        return check_pattern(value)


class Expect(Strict):
    """Wait for text on the raw console."""

    short: ClassVar[str | None] = "pattern"
    pattern: Text = Field(description="A regular expression.")
    store: Name | None = Field(None, description="Name for the text that matched.")

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str | None:
        return check_pattern(value)


class Send(Strict):
    """Type on the raw console."""

    short: ClassVar[str | None] = "text"
    text: str = Field(description="The text to type.")
    enter: bool = Field(True, description="Press Enter after it.")
    keys: bool = Field(False, description="The text is a list of key names, such as ctrl-c, esc, down or f2.")

    @model_validator(mode="after")
    def _has_known_keys(self) -> Self:
        if self.keys and "{{" not in self.text:
            for name in self.text.split():
                if len(name) == 1:
                    words = "key names are, for example, enter, esc, ctrl-c, down and f2"
                    raise FieldError("text", f"unknown key name '{name}'; {words}")
                if name not in KEYS:
                    raise FieldError("text", unknown(name, KEYS, "key name"))
        return self


class Keys(Strict):
    """Add public keys to, or remove them from, a user's authorized_keys."""

    short: ClassVar[str | None] = "key"
    key: Text = Field(description="Public keys, one on each line; or the name of a file that contains them.")
    user: ShortText | None = Field(None, description="The user; by default the one that is logged in.")


class Upload(Strict):
    """Copy a file to the machine and verify its checksum there."""

    source: Text = Field(alias="from", description="Local file.")
    target: Text = Field(alias="to", description="File on the machine.")
    mode: Annotated[str, StringConstraints(pattern=r"^0?[0-7]{3}$")] = Field(
        "0600", description="Mode of the file on the machine."
    )


class Download(Strict):
    """Copy a file from the machine and verify its checksum here."""

    source: Text = Field(alias="from", description="File on the machine.")
    target: Text = Field(alias="to", description="Local file.")


class WaitFor(Strict):
    """Wait for a state of the console, or for text."""

    state: ShortText | None = Field(None, description="Name of a console state.")
    text: Text | None = Field(None, description="A regular expression.")

    @field_validator("state")
    @classmethod
    def _is_known(cls, value: str | None) -> str | None:
        names = [state.name for state in STATES]
        if value is not None and value not in names:
            raise ValueError(unknown(value, names, "state"))
        return value

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.state is None) == (self.text is None):
            raise FieldError("text", "wait_for needs either a state or a text")
        return self

    @field_validator("text")
    @classmethod
    def _is_pattern(cls, value: str | None) -> str | None:
        return check_pattern(value)


class SendBreak(Strict):
    """Send a BREAK, optionally followed by a SysRq key."""

    sysrq: Annotated[str, StringConstraints(pattern="^[a-z0-9]$")] | None = Field(None, description="The SysRq key.")


class Assert(Condition):
    """Fail unless a condition is true."""

    message: Text | None = Field(None, description="Error message if it is false.")


class Confirm(Strict):
    """Ask the user to confirm; fail unless the answer is yes."""

    short: ClassVar[str | None] = "question"
    question: Text


class Include(Strict):
    """Run the steps of another runbook."""

    short: ClassVar[str | None] = "runbook"
    literal: ClassVar[tuple[str, ...]] = ("runbook",)
    runbook: Text = Field(description="Name of a shipped runbook, or a file relative to this one.")
    parameters: dict[Name, str | int | float | bool] = Field(default_factory=dict)

    @field_validator("runbook")
    @classmethod
    def _has_no_placeholder(cls, value: str) -> str:
        if "{{" in value:
            raise ValueError("{{ }} is not replaced here: included runbooks are read before the run")
        return value

    @field_validator("parameters")
    @classmethod
    def _are_templates(cls, value: dict[str, Any]) -> dict[str, Any]:
        for one in value.values():
            check_template(one)
        return value


class Logout(Strict):
    """Log out and wait until the console shows its initial state again."""


#: The action's key in a step -> its model.
ACTIONS: dict[str, type[Strict]] = {
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
