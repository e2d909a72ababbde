"""The plan of a runbook: its steps with their numbers, and what a dry run prints. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from ..console.redact import redact_secrets
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.sgr import plain_text
from .actions import Include, Run
from .fields import as_text
from .load import Loaded
from .model import Step
from .names import BUILT_IN, SECTIONS
from .record import RunRecord, StepRecord, redacted
from .scope import Scope
from .values import parameter_values
from .words import excerpt

__all__ = ["changes_machine", "needs_shell", "numbered", "planned", "program_of", "title_of", "unrun_step"]

#: The most characters shown of a line of a program.
_PROGRAM_LINE = 65536
_TITLE = 120
#: The actions that change the machine, unless the step has ``changes: false``.
_CHANGING = ("add_key", "remove_key", "upload", "send_break")
_NEED_A_SHELL = ("login", "run", "add_key", "remove_key", "upload", "download")
#: The action -> the most telling part of its options.
_SUBJECTS: dict[str, Callable[[Any], str | None]] = {
    "login": lambda login: login.user,
    "run": lambda run: run.program,
    "expect": lambda expect: expect.pattern,
    "send": lambda send: send.text,
    "add_key": lambda keys: keys.key,
    "remove_key": lambda keys: keys.key,
    "upload": lambda upload: f"{upload.source} -> {upload.target}",
    "download": lambda download: f"{download.source} -> {download.target}",
    "wait_for": lambda wait: wait.text or wait.state,
    "send_break": lambda send: send.sysrq,
    "assert": lambda condition: condition.that,
    "confirm": lambda confirm: confirm.question,
    "include": lambda include: include.runbook,
    "logout": lambda logout: None,
}


def title_of(step: Step, scope: Scope | None = None) -> str:
    """Return a step's name, or its action and the start of its options.

    Args:
        step: the step.
        scope: the values for the placeholders. Those that are not known yet, or secret, stay as they are.
    """
    text = step.name if step.name is not None else f"{step.action} {_first_line(_subject(step))}"
    is_template = step.name is not None or not isinstance(step.options, Run)
    filled = plain_text(scope.fill_known(text)) if scope is not None and is_template else text
    return excerpt(" ".join(filled.split()), _TITLE)


def program_of(step: Step) -> str:
    """Return the program of a `run` step, printable; an empty text for other actions."""
    if not isinstance(step.options, Run):
        return ""
    lines = step.options.program.strip("\n").split("\n")
    return "\n".join(printable(line.rstrip().expandtabs(4), _PROGRAM_LINE) for line in lines).rstrip()


def unrun_step(number: str, step: Step, scope: Scope, status: Literal["skipped", "not run"], why: str) -> StepRecord:
    """Return the record of a step that is not run."""
    return StepRecord(
        number,
        title_of(step, scope),
        step.action,
        status,
        said=why,
        program=program_of(step),
        changes=changes_machine(step),
    )


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return (lines[0][:80] + (" ..." if len(lines) > 1 or len(lines[0]) > 80 else "")) if lines else ""


def _subject(step: Step) -> str:
    return _SUBJECTS[step.action](step.options) or ""


def numbered(loaded: Loaded, prefix: str = "") -> Iterator[tuple[str, Step]]:
    """Yield all steps with their numbers; those of an included runbook follow their `include`."""
    for key in SECTIONS:
        section = "" if key == "steps" else f"{key} "
        for at, step in enumerate(loaded.runbook.section(key)):
            number = f"{prefix}{section}{at + 1}"
            yield number, step
            if isinstance(step.options, Include):
                yield from numbered(loaded.included[step.options.runbook], f"{number}.")


def changes_machine(step: Step) -> bool:
    """Whether a step changes the machine, as far as the runbook says so."""
    return step.action in _CHANGING if step.changes is None else step.changes


def needs_shell(loaded: Loaded) -> bool:
    """Whether any step logs in."""
    return any(step.action in _NEED_A_SHELL for _, step in numbered(loaded))


def planned(loaded: Loaded, values: Mapping[str, str | Secret], host: str, user: str) -> RunRecord:
    """Return the record of a dry run: every step is ``planned``.

    Args:
        loaded: the runbook.
        values: of its parameters, as far as they are known.
        host: the endpoint.
        user: the user who would log in.
    """
    scope = Scope(loaded, values, {"host": host, "login": user})
    steps = tuple(
        StepRecord(
            number, title_of(step, inner), step.action, "planned", said=_modifiers(step), output=_filled(inner, step),
            program=program_of(step), changes=changes_machine(step),
        )
        for number, step, inner in _numbered_in(scope, "")
    )  # fmt: skip
    runbook = loaded.runbook
    record = RunRecord(
        runbook.name, loaded.name, runbook.description, host, user, datetime.now(UTC), "planned",
        scope.shown, steps,
    )  # fmt: skip
    return redacted(record, lambda text: redact_secrets(text, scope.secrets))


def _numbered_in(scope: Scope, prefix: str) -> Iterator[tuple[str, Step, Scope]]:
    """Yield what `numbered` does, each step with the scope of its runbook."""
    for key in SECTIONS:
        section = "" if key == "steps" else f"{key} "
        for at, step in enumerate(scope.loaded.runbook.section(key)):
            number = f"{prefix}{section}{at + 1}"
            yield number, step, scope
            if isinstance(step.options, Include):
                yield from _numbered_in(_scope_inside(scope, step.options), f"{number}.")


def _scope_inside(scope: Scope, options: Include) -> Scope:
    """Return the scope of an included runbook, with the parameters as far as they are known."""
    other = scope.loaded.included[options.runbook]
    values = parameter_values(other.runbook, {})
    for name, value in options.parameters.items():
        secret = scope.secret(value) if isinstance(value, str) else None
        values[name] = secret or scope.fill_known(str(as_text(value)))
    return Scope(other, values, {name: value for name, value in scope.known.items() if name in BUILT_IN})


def _modifiers(step: Step) -> str:
    """Return a step's condition and repetition in words."""
    words = []
    if step.when is not None:
        comparison = "" if step.when.comparison is None else " {} {!r}".format(*step.when.comparison)
        words.append(f"{'unless' if step.when.negate else 'if'} {step.when.that}{comparison}")
    if changes_machine(step):
        words.append("changes the machine")
    if step.repeat is not None:
        words.append(f"up to {step.repeat.times} times")
    return printable(", ".join(words), 300)


def _filled(scope: Scope, step: Step) -> str:
    if isinstance(step.options, Run):
        return program_of(step)
    text = scope.fill_known(_subject(step))
    return "\n".join(printable(line, 2000) for line in text.rstrip().splitlines())
