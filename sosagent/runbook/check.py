"""A runbook's text -> a `Runbook`, or every mistake in it with its place. No I/O."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import ConfigInvalid
from .model import ACTIONS, Condition, Parameter, Repeat, Runbook, Step
from .names import GIVEN, LISTS, check_names
from .text import Document, Path, parse_yaml
from .words import beginning, mistakes_of, unknown

__all__ = ["invalid", "read_runbook"]

_COMMON = ("name", "when", "repeat", "timeout")
#: Steps that are complete with their word.
_ALONE = ("login", "logout", "send_break")


def read_runbook(text: str, name: str) -> tuple[Runbook, Document]:
    """Read and check a runbook, without what it includes.

    Args:
        text: YAML.
        name: what the file is called in messages.

    Returns:
        The runbook, and where in the file everything stands.

    Raises:
        ConfigInvalid: with file, line, column and what was expected; its `mistakes` are all of them.
    """
    document = parse_yaml(text, name)
    reader = _Reader(document)
    runbook = reader.runbook()
    if reader.wrong or runbook is None:
        raise invalid(document, reader.wrong)
    return runbook, document


def invalid(document: Document, wrong: list[tuple[Path, str]]) -> ConfigInvalid:
    """The error for mistakes, by their places."""
    ordered = sorted(wrong, key=lambda one: (document.place(one[0]).line, document.place(one[0]).column))
    mistakes = tuple(dict.fromkeys(document.wrong(path, words) for path, words in ordered))
    error = ConfigInvalid(mistakes[0], hint="\n".join(mistakes[1:]))
    error.mistakes = mistakes
    return error


class _Reader:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.wrong: list[tuple[Path, str]] = []

    def note(self, path: Path, words: str) -> None:
        self.wrong.append((path, words))

    def runbook(self) -> Runbook | None:
        value = self.document.value
        if not isinstance(value, dict):
            words = "the file is empty; " if value is None else ""
            self.note((), f"{words}a runbook is keys and values: name: TEXT, then steps: and a list below it")
            return None
        told = dict(value)
        for key in LISTS:
            if key in told:
                told[key] = self._steps(told[key], (key,))
        told["parameters"] = self._parameters(told.get("parameters", {}))
        whole = {key: tuple(step for step in told[key] if step is not None) for key in LISTS if key in told}
        made: Runbook | None = self._made(Runbook, told | whole, ())
        raw = {key: value.get(key) for key in LISTS if isinstance(value.get(key), list)}
        given = value.get("parameters")
        raw["parameters"] = list(given) if isinstance(given, dict) else []
        check_names(told, raw, self.note, whole=not self.wrong)
        return made

    def _parameters(self, value: Any) -> dict[str, Parameter]:
        if not isinstance(value, dict):
            self.note(("parameters",), "parameters are names, each with what it may be: NAME: {type: text}")
            return {}
        found: dict[str, Parameter] = {}
        for name, told in value.items():
            path: Path = ("parameters", name)
            if name in GIVEN:
                self.note(path, f"'{name}' is known in every runbook; choose another name")
            made = self._made(Parameter, {} if told is None else told, path)
            if made is not None:
                found[name] = made
        return found

    def _steps(self, value: Any, path: Path) -> tuple[Step | None, ...]:
        if not isinstance(value, list) or not value:
            empty = "it has none" if value in (None, []) else "this is none"
            self.note(path, f"{path[-1]} is a list of steps, lines that begin with a dash; {empty}")
            return ()
        return tuple(self._step(one, (*path, at)) for at, one in enumerate(value))

    def _step(self, value: Any, path: Path) -> Step | None:
        if isinstance(value, str) and value in _ALONE:
            value = {value: {}}
        if not isinstance(value, dict):
            words = f"{value} needs more than its word" if isinstance(value, str) and value in ACTIONS else ""
            what = "nothing stands behind the dash" if value is None else f"{type(value).__name__}"
            what = {"str": "this is a text alone", "list": "this is a list"}.get(what, what)
            self.note(path, f"{words or what}; a step is a key and its value, such as run: PROGRAM{_listed()}")
            return None
        for key in value:
            if key not in ACTIONS and key not in _COMMON:
                self.note((*path, key), unknown(key, (*ACTIONS, *_COMMON)))
        actions = [key for key in value if key in ACTIONS]
        if len(actions) != 1:
            if actions:
                both = " and ".join(actions)
                self.note(
                    (*path, actions[1]), f"a step does one thing; this one does {both}: begin another with a dash"
                )
            elif all(key in _COMMON for key in value):
                self.note(path, f"this step does nothing{_listed()}")
            return None
        action = actions[0]
        wrong = len(self.wrong)
        does = self._short(ACTIONS[action], value, path, action)
        rest = {key: self._short(model, value, path, key) for key, model in _AROUND.items() if key in value}
        rest |= {key: value[key] for key in ("name", "timeout") if key in value}
        rest = {key: one for key, one in rest.items() if key not in _AROUND or one is not None}
        step: Step | None = self._made(Step, {**rest, "action": action, "does": does}, path)
        return step if len(self.wrong) == wrong else None

    def _short(self, model: type[BaseModel], value: dict[str, Any], path: Path, key: str) -> Any:
        """What stands under `key`; where a text will do instead of keys and values, that is its `short`."""
        told, short = value[key], getattr(model, "short", None)
        if told is None and key in _ALONE:
            told = {}
        if told is None:
            self.note((*path, key), f"nothing stands behind {key}:{f' its {short} was expected' if short else ''}")
            return None
        if short is not None and isinstance(told, str | int | float):
            told = {short: told}
        return self._made(model, told, (*path, key))

    def _made(self, model: type[Any], told: Any, path: Path) -> Any:
        if not isinstance(told, dict):
            fields = ", ".join(field.alias or name for name, field in model.model_fields.items())
            short = getattr(model, "short", None)
            kind = f"a text ({short}), or keys and values" if short else "keys and values"
            word = beginning(str(path[-1]))
            self.note(path, f"{word} takes {kind}: {fields}" if fields else f"{word} takes nothing")
            return None
        empty = {key for key, value in told.items() if value is None and key not in ("does",)}
        for key in empty:
            self.note((*path, key), f"nothing stands behind {beginning(str(key))}: its value was expected")
        try:
            return model.model_validate({key: value for key, value in told.items() if key not in empty})
        except ValidationError as error:
            for at, words in mistakes_of(model, told, error):
                if not (empty and (words.removesuffix(" is missing") in empty or (at and at[0] in empty))):
                    self.note((*path, *at), words)
            return None


#: What may stand around a step's action.
_AROUND: dict[str, type[BaseModel]] = {"when": Condition, "repeat": Repeat}


def _listed() -> str:
    return f"; there are {', '.join(ACTIONS)}"
