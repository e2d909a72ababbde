"""Check a runbook's text: the result is a `Runbook`, or every mistake with its place. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ValidationError

from ..errors import ConfigInvalid
from .actions import ACTIONS, Logout
from .conditions import Condition, Repeat
from .fields import Strict
from .model import Parameter, Runbook, Step
from .names import BUILT_IN, SECTIONS, check_names
from .text import Document, Path, parse_yaml
from .words import excerpt, mistakes_of, unknown

__all__ = ["invalid", "read_runbook"]

_COMMON = ("name", "when", "repeat", "timeout", "changes")
#: Those of them whose values have models.
_MODIFIERS: dict[str, type[Strict]] = {"when": Condition, "repeat": Repeat}
#: Actions that need no options.
_ALONE = ("login", "logout", "send_break")
_EXAMPLE = "a step must be a key and its value, such as run: PROGRAM"


def read_runbook(
    text: str, name: str, examine: Callable[[Document], Iterable[tuple[Path, str]]] | None = None
) -> tuple[Runbook, Document]:
    """Parse and check a runbook, without the runbooks that it includes.

    Args:
        text: YAML.
        name: the name of the file, for messages.
        examine: returns further mistakes, which are raised together with those of the format. Without the latter, the
            caller has to call it.

    Returns:
        The runbook, and the parsed file with the places of its values.

    Raises:
        ConfigInvalid: the runbook has mistakes; `mistakes` lists all of them, with file, line and column.
    """
    document = parse_yaml(text, name)
    reader = _Reader(document)
    runbook = reader.runbook()
    if reader.mistakes or runbook is None:
        raise invalid(document, [*reader.mistakes, *(() if examine is None else examine(document))])
    return runbook, document


def invalid(document: Document, mistakes: list[tuple[Path, str]]) -> ConfigInvalid:
    """Return the error for `mistakes` (paths and messages), in the order of their places."""
    ordered = sorted(mistakes, key=lambda one: (document.place(one[0]).line, document.place(one[0]).column))
    messages = tuple(dict.fromkeys(document.located(path, message) for path, message in ordered))
    error = ConfigInvalid(messages[0], hint="\n".join(messages[1:]))
    error.mistakes = messages
    return error


class _Reader:
    """Makes the models from a document, and collects mistakes instead of stopping at the first."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.mistakes: list[tuple[Path, str]] = []

    def note(self, path: Path, message: str) -> None:
        self.mistakes.append((path, message))

    def runbook(self) -> Runbook | None:
        value = self.document.value
        if not isinstance(value, dict):
            words = "the file is empty" if value is None else "this is not a runbook"
            self.note((), f"{words}; a runbook has at least the keys name: TEXT and steps: with a list below")
            return None
        data = dict(value)
        for key in SECTIONS:
            if key in data:
                data[key] = self._steps(data[key], (key,))
        data["parameters"] = self._parameters(data.get("parameters", {}))
        valid = {key: tuple(step for step in data[key] if step is not None) for key in SECTIONS if key in data}
        runbook: Runbook | None = self._make(Runbook, data | valid, ())
        raw = {key: value.get(key) for key in SECTIONS if isinstance(value.get(key), list)}
        parameters = value.get("parameters")
        raw["parameters"] = list(parameters) if isinstance(parameters, dict) else []
        check_names(data, raw, self.note, complete=not self.mistakes)
        return runbook

    def _parameters(self, value: Any) -> dict[str, Parameter]:
        if not isinstance(value, dict):
            self.note(("parameters",), "parameters must be names with their properties, such as NAME: {type: text}")
            return {}
        parameters: dict[str, Parameter] = {}
        for name, properties in value.items():
            path: Path = ("parameters", name)
            if name in BUILT_IN:
                self.note(path, f"'{name}' is a built-in name; choose another")
            parameter = self._make(Parameter, {} if properties is None else properties, path)
            if parameter is not None:
                parameters[name] = parameter
        return parameters

    def _steps(self, value: Any, path: Path) -> tuple[Step | None, ...]:
        if not isinstance(value, list) or not value:
            problem = "it is empty" if value in (None, []) else "this is not a list"
            self.note(path, f"{path[-1]} must be a list of steps, each starting with a dash; {problem}")
            return ()
        return tuple(self._step(one, (*path, at)) for at, one in enumerate(value))

    def _step(self, value: Any, path: Path) -> Step | None:
        """Return the step, or None if it contains a mistake."""
        if isinstance(value, str) and value in _ALONE:
            value = {value: {}}
        if not isinstance(value, dict):
            self.note(path, f"{_step_problem(value)}; {_EXAMPLE}{_list_of_actions()}")
            return None
        for key in value:
            if key not in ACTIONS and key not in _COMMON:
                self.note((*path, key), unknown(key, (*ACTIONS, *_COMMON)))
        actions = [key for key in value if key in ACTIONS]
        if len(actions) != 1:
            if actions:
                words = f"a step has one action, but this one has {' and '.join(actions)}"
                self.note((*path, actions[1]), f"{words}; start a new step with a dash")
            elif all(key in _COMMON for key in value):
                self.note(path, f"this step has no action{_list_of_actions()}")
            return None
        action = actions[0]
        before = len(self.mistakes)
        options = self._make_short(ACTIONS[action], value, path, action)
        modifiers = {key: self._make_short(_MODIFIERS[key], value, path, key) for key in _MODIFIERS if key in value}
        data = {key: one for key, one in modifiers.items() if one is not None}
        data |= {key: value[key] for key in ("name", "timeout", "changes") if key in value}
        # With invalid options the step is discarded; any valid ones let the other keys be checked.
        step: Step | None = self._make(Step, {**data, "action": action, "options": options or Logout()}, path)
        return step if len(self.mistakes) == before else None

    def _make_short(self, model: type[Strict], step: dict[str, Any], path: Path, key: str) -> Any:
        """Make `model` from the value of `key`, where plain text may stand for the model's `short` field."""
        value = step[key]
        if value is None and key in _ALONE:
            value = {}
        if value is None:
            self.note((*path, key), f"{key} has no value" + (f"; expected its {model.short}" if model.short else ""))
            return None
        if model.short is not None and isinstance(value, str | int | float):
            value = {model.short: value}
        return self._make(model, value, (*path, key))

    def _make(self, model: type[Strict], value: Any, path: Path) -> Any:
        """Return an instance of `model`, or None if `value` contains a mistake."""
        if not isinstance(value, dict):
            fields = ", ".join(field.alias or name for name, field in model.model_fields.items())
            text = f"text (as {model.short}) or " if model.short else ""
            word = excerpt(str(path[-1]))
            self.note(path, f"{word} accepts {text}these keys: {fields}" if fields else f"{word} accepts no value")
            return None
        empty = {key for key, one in value.items() if one is None}
        for key in empty:
            self.note((*path, key), f"{excerpt(str(key))} has no value")
        try:
            return model.model_validate({key: one for key, one in value.items() if key not in empty})
        except ValidationError as error:
            for at, message in mistakes_of(model, value, error):
                if not (empty and (message.removesuffix(" is missing") in empty or (at and at[0] in empty))):
                    self.note((*path, *at), message)
            return None


def _step_problem(value: Any) -> str:
    if isinstance(value, str):
        return f"{value} needs a value" if value in ACTIONS else "this is only text"
    if isinstance(value, list):
        return "this is a list"
    return "there is nothing after the dash" if value is None else "this is only a value"


def _list_of_actions() -> str:
    return f"; the actions are {', '.join(ACTIONS)}"
