"""The names in a runbook: who gives them values, where they may stand, and which are secret. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from .model import ACTIONS, Include, Login, Parameter, Run, Send, Step
from .template import TemplateInvalid, parse_template
from .text import Path
from .words import beginning, near

__all__ = [
    "GIVEN",
    "LISTS",
    "PROGRAM_NAME",
    "check_names",
    "filled_names",
    "program_names",
    "secret_names",
    "stored_names",
    "used_names",
]

LISTS = ("steps", "on_failure", "finally")
#: What is known in every runbook, without being told.
GIVEN = ("host", "hostname", "login", "state", "error", "result")
PROGRAM_NAME = re.compile(r"\$\{?([a-z][a-z0-9_]*)")
_HOLE_IN_PROGRAM = re.compile(r"\{\{ *([a-z][a-z0-9_]*)[^{}]*\}\}")
_RAN = ("output", "status")
_SAW = ("output",)
_WHERE = "a secret goes into a program, as $NAME, or alone into the text of send or the password of login"

Note = Callable[[Path, str], None]


def check_names(told: Mapping[str, Any], raw: Mapping[str, Any], note: Note, *, whole: bool) -> None:
    """See that every hole has a value by then, that no secret goes where it would be seen, and that all is used.

    Args:
        told: `parameters`, and the lists of steps as they were made.
        raw: the same as it stands in the file: a step that is wrong elsewhere still stores.
        note: takes a mistake.
        whole: whether nothing else is wrong: else, what seems unused may be used by what could not be read.
    """
    parameters: dict[str, Parameter] = told["parameters"]
    known: dict[str, tuple[str, ...]] = dict.fromkeys(raw.get("parameters") or (), ())
    known |= dict.fromkeys(GIVEN, ()) | {"result": _RAN}
    checker = _Checker(note, set(parameters), {name for name, one in parameters.items() if one.type == "secret"}, known)
    for key in LISTS:
        for at, (step, stands) in enumerate(zip(told.get(key, ()), raw.get(key) or (), strict=False)):
            if step is not None:
                checker.step(step, (key, at))
            checker.known |= _stores(step, stands)
    if whole:
        for name in parameters:
            if name not in checker.used:
                note(("parameters", name), f"nothing uses '{name}': as {{{{ {name} }}}}, or in a program as ${name}")


def _stores(step: Step | None, stands: Any) -> dict[str, tuple[str, ...]]:
    """The names that a step stores, even one that could not be made, with their parts."""
    if step is not None:
        return dict.fromkeys(stored_names(step), _RAN if isinstance(step.does, Run) else _SAW)
    values = [stands.get(action) for action in ACTIONS] if isinstance(stands, Mapping) else []
    names = [one.get("store") for one in values if isinstance(one, Mapping)]
    return {name: _RAN for name in names if isinstance(name, str)}


class _Checker:
    def __init__(self, note: Note, parameters: set[str], secrets: set[str], known: dict[str, tuple[str, ...]]) -> None:
        self.note = note
        self.parameters = parameters
        self.secrets = secrets
        self.known = known
        self.used: set[str] = set()

    def step(self, step: Step, path: Path) -> None:
        stored = _stores(step, None)
        hidden = {name for name in stored if isinstance(step.does, Run) and step.does.secret}
        for model, at, own in _parts(step, path):
            for key, text in _texts(model):
                self._text(model, text, (*at, *key), self.known | (stored if own else {}), hidden if own else set())
        if isinstance(step.does, Login) and step.does.password is not None and not _alone(step.does.password):
            words = "a password is a secret alone: '{{ NAME }}', NAME a parameter of type secret; in the file everybody"
            self.note((*path, step.action, "password"), f"{words} could read it")
        if isinstance(step.does, Run):
            self._program(step.does.program, (*path, step.action, "program"))
        self.secrets |= hidden
        for name in stored:
            if name in GIVEN or name in self.parameters:
                whose = "known in every runbook" if name in GIVEN else "a parameter"
                self.note((*path, step.action, "store"), f"'{name}' is {whose}; choose another name")

    def _text(
        self, model: BaseModel, text: str, at: Path, known: Mapping[str, tuple[str, ...]], hidden: set[str]
    ) -> None:
        for name, part in _holes(text):
            self.used.add(name)
            if name not in known:
                self.note(at, f"nothing is called '{beginning(name)}' by then{near(name, sorted(known))}")
            elif name in self.secrets | hidden and part != "status" and not _may_be_secret(model, at, text):
                self.note(at, f"'{name}' is a secret, and would be seen here; {_WHERE}")
            elif name not in self.secrets and _is_password(model, at):
                self.note(at, f"'{name}' is no secret: a password is; let its parameter say  {name}: {{type: secret}}")
            elif part and part not in known[name]:
                parts = " and ".join(known[name])
                self.note(at, f"'{name}' has no part '{beginning(part)}'" + (f"; it has {parts}" if parts else ""))

    def _program(self, text: str, at: Path) -> None:
        names = set(PROGRAM_NAME.findall(text))
        self.used |= names
        for name in sorted(set(_HOLE_IN_PROGRAM.findall(text)) & set(self.known)):
            self.used.add(name)
            self.note(at, f"in a program it is ${name}, in double quotes: {{{{ }}}} is not filled there")
        for name in sorted(names - set(self.known)):
            # What stands nowhere else in the program gets its value nowhere.
            if len(re.findall(rf"\b{name}\b", text)) > len(re.findall(rf"\$\{{?{name}\b(?!:?[-=+?])", text)):
                continue
            meant = near(name, sorted(self.known))
            if meant.endswith("is meant?") and name.removesuffix("_status") not in self.known:
                self.note(at, f"nothing gives ${name} a value{meant}")


def used_names(step: Step) -> set[str]:
    """The names whose values a step needs."""
    return filled_names(step) | program_names(step)


def filled_names(step: Step) -> set[str]:
    """Those in the holes of its texts."""
    found: set[str] = set()
    for model, _, own in _parts(step, ()):
        for _, text in _texts(model):
            found |= {name for name, _ in _holes(text)} - (stored_names(step) if own else set())
    return found


def program_names(step: Step) -> set[str]:
    """Those in its program, whose values go before it."""
    if not isinstance(step.does, Run):
        return set()
    names = set(PROGRAM_NAME.findall(step.does.program))
    return names | {name.removesuffix("_status") for name in names}


def stored_names(step: Step) -> set[str]:
    """The names that a step gives values to."""
    store = getattr(step.does, "store", None)
    return set() if store is None else {store}


def secret_names(parameters: Mapping[str, Parameter], steps: tuple[Step, ...]) -> set[str]:
    """The names whose values are shown nowhere."""
    found = {name for name, one in parameters.items() if one.type == "secret"}
    for step in steps:
        if isinstance(step.does, Run) and step.does.secret:
            found |= stored_names(step)
    return found


def _parts(step: Step, path: Path) -> Iterator[tuple[BaseModel, Path, bool]]:
    """The models of a step, where they stand, and whether they see what the step itself stores."""
    yield step.does, (*path, step.action), False
    if step.when is not None:
        yield step.when, (*path, "when"), False
    if step.repeat is not None:
        yield step.repeat.until, (*path, "repeat", "until"), True


def _texts(model: BaseModel) -> Iterator[tuple[Path, str]]:
    """Texts with holes, and where they stand."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name in getattr(model, "as_they_are", ()):
            continue
        if isinstance(value, str):
            yield (field.alias or name,), value
        elif isinstance(value, dict):
            for key, one in value.items():
                if isinstance(one, str):
                    yield (field.alias or name, key), one


def _holes(text: str) -> tuple[tuple[str, str], ...]:
    try:
        return parse_template(text).holes
    except TemplateInvalid:
        return ()  # it was noted


def _may_be_secret(model: BaseModel, at: Path, text: str) -> bool:
    typed = isinstance(model, Include) or (isinstance(model, Send) and not model.keys)
    return _alone(text) and (typed or _is_password(model, at))


def _alone(text: str) -> bool:
    return re.fullmatch(r"\{\{ *[a-z0-9_]+ *\}\}", text) is not None


def _is_password(model: BaseModel, at: Path) -> bool:
    return isinstance(model, Login) and at[-1] == "password"
