"""The plan of a runbook: its steps with their numbers, and what a dry run prints. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from ..console.redact import redact_secrets
from ..errors import UsageError
from ..printable import printable
from ..secrets.secret import Secret
from .actions import Include, Run
from .load import Loaded
from .model import Step
from .record import RunRecord, StepRecord, redacted
from .scope import Scope

__all__ = ["needs_shell", "numbered", "planned", "program_of", "title_of", "unrun_step"]

#: The most characters shown of a line of a program.
_PROGRAM_LINE = 65536
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


def title_of(step: Step) -> str:
    """Return a step's name, or its action and the start of its options."""
    if step.name is not None:
        return printable(step.name, 120)
    return printable(f"{step.action} {_first_line(_subject(step))}".strip(), 120)


def program_of(step: Step) -> str:
    """Return the program of a `run` step, printable; an empty text for other actions."""
    if not isinstance(step.options, Run):
        return ""
    lines = step.options.program.strip("\n").split("\n")
    return "\n".join(printable(line.rstrip().expandtabs(4), _PROGRAM_LINE) for line in lines).rstrip()


def unrun_step(number: str, step: Step, status: Literal["skipped", "not run"], why: str) -> StepRecord:
    """Return the record of a step that is not run."""
    return StepRecord(number, title_of(step), step.action, status, said=why, program=program_of(step))


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return (lines[0][:80] + (" ..." if len(lines) > 1 or len(lines[0]) > 80 else "")) if lines else ""


def _subject(step: Step) -> str:
    return _SUBJECTS[step.action](step.options) or ""


def numbered(loaded: Loaded, prefix: str = "") -> Iterator[tuple[str, Step]]:
    """Yield all steps with their numbers; those of an included runbook follow their `include`."""
    for key in ("steps", "on_failure", "finally"):
        section = "" if key == "steps" else f"{key} "
        for at, step in enumerate(loaded.runbook.section(key)):
            number = f"{prefix}{section}{at + 1}"
            yield number, step
            if isinstance(step.options, Include):
                yield from numbered(loaded.included[step.options.runbook], f"{number}.")


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
    scope = Scope(loaded, values)
    steps = tuple(
        StepRecord(
            number,
            title_of(step),
            step.action,
            "planned",
            said=_modifiers(step),
            output=_filled(scope, step),
            program=program_of(step),
        )
        for number, step in numbered(loaded)
    )
    runbook = loaded.runbook
    record = RunRecord(
        runbook.name, loaded.name, runbook.description, host, user, datetime.now(UTC), "planned",
        scope.shown, steps,
    )  # fmt: skip
    return redacted(record, lambda text: redact_secrets(text, scope.secrets))


def _modifiers(step: Step) -> str:
    """Return a step's condition and repetition in words."""
    words = []
    if step.when is not None:
        comparison = "" if step.when.comparison is None else " {} {!r}".format(*step.when.comparison)
        words.append(f"{'unless' if step.when.negate else 'if'} {step.when.that}{comparison}")
    if step.repeat is not None:
        words.append(f"up to {step.repeat.times} times")
    return printable(", ".join(words), 300)


def _filled(scope: Scope, step: Step) -> str:
    if isinstance(step.options, Run):
        return program_of(step)
    text = _subject(step)
    try:
        text = scope.fill(text)
    except UsageError:
        pass  # a value that is known only during a run: the placeholder is shown
    return "\n".join(printable(line, 2000) for line in text.rstrip().splitlines())
