"""The names in a runbook: which are set, where they may be used, and which are secret. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..suggest import did_you_mean
from .actions import ACTIONS, Include, Login, Run, Send
from .fields import Strict
from .model import Parameter, Step
from .template import TemplateInvalid, parse_template
from .text import Path
from .words import excerpt, suggestion

__all__ = [
    "BUILT_IN",
    "PROGRAM_NAME",
    "SECTIONS",
    "check_names",
    "program_names",
    "secret_names",
    "stored_names",
    "template_names",
    "used_names",
]

SECTIONS = ("steps", "on_failure", "finally")
#: Names that every runbook may use.
BUILT_IN = ("host", "hostname", "login", "state", "error", "result")
#: A variable in a program.
PROGRAM_NAME = re.compile(r"\$\{?([a-z][a-z0-9_]*)")
_TEMPLATE_IN_PROGRAM = re.compile(r"\{\{ *([a-z][a-z0-9_]*+)[^{}]*\}\}")
#: The parts of what `run` stores, and of what other actions store.
_RUN_PARTS = ("output", "status")
_OTHER_PARTS = ("output",)
_SECRET_PLACES = "use it in a program, as $NAME, or alone as the text of send or the password of login"

#: Called with the path and the message of a mistake.
Note = Callable[[Path, str], None]


def check_names(data: Mapping[str, Any], raw: Mapping[str, Any], note: Note, *, complete: bool) -> None:
    """Check that every used name is set, that secrets stay hidden, and that every parameter is used.

    Args:
        data: `parameters`, and the sections as tuples of steps, with None for an invalid step.
        raw: the same sections as in the file: an invalid step may still store a name.
        note: called for each mistake.
        complete: whether there are no other mistakes. Otherwise an invalid step may be what uses a parameter.
    """
    parameters: dict[str, Parameter] = data["parameters"]
    known: dict[str, tuple[str, ...]] = dict.fromkeys(raw.get("parameters") or (), ())
    known |= dict.fromkeys(BUILT_IN, ()) | {"result": _RUN_PARTS}
    checker = _Checker(note, set(parameters), {name for name, one in parameters.items() if one.type == "secret"}, known)
    for key in SECTIONS:
        for at, (step, raw_step) in enumerate(zip(data.get(key, ()), raw.get(key) or (), strict=False)):
            if step is not None:
                checker.check_step(step, (key, at))
            checker.add(_stored(step, raw_step))
    if complete:
        for name in parameters:
            if name not in checker.used:
                note(("parameters", name), f"'{name}' is never used; write {{{{ {name} }}}}, or ${name} in a program")


def _stored(step: Step | None, raw_step: Any) -> dict[str, tuple[str, ...]]:
    """Return the names that a step stores, valid or not, with their parts."""
    if step is not None:
        return dict.fromkeys(stored_names(step), _RUN_PARTS if isinstance(step.options, Run) else _OTHER_PARTS)
    options = [raw_step.get(action) for action in ACTIONS] if isinstance(raw_step, Mapping) else []
    names = [one.get("store") for one in options if isinstance(one, Mapping)]
    return {name: _RUN_PARTS for name in names if isinstance(name, str)}


class _Checker:
    """Checks steps in their order, and keeps the names that are known, used and secret so far."""

    def __init__(self, note: Note, parameters: set[str], secrets: set[str], known: dict[str, tuple[str, ...]]) -> None:
        self._note = note
        self._parameters = parameters
        self._secrets = secrets
        self._known = known
        self.used: set[str] = set()

    def add(self, names: Mapping[str, tuple[str, ...]]) -> None:
        """Let the following steps use `names`."""
        self._known |= names

    def check_step(self, step: Step, path: Path) -> None:
        stored = _stored(step, None)
        hidden = {name for name in stored if isinstance(step.options, Run) and step.options.secret}
        for model, at, sees_own in _models(step, path):
            known = self._known | (stored if sees_own else {})
            for key, text in _templates(model):
                self._check_text(model, text, (*at, *key), known, hidden if sees_own else set())
        if step.name is not None:
            self._check_text(step, step.name, (*path, "name"), self._known, set())
        if isinstance(step.options, Login) and step.options.password and not _is_single(step.options.password):
            words = "the password must be one secret parameter: '{{ NAME }}'"
            self._note((*path, step.action, "password"), f"{words}; everyone who reads the file could see it here")
        if isinstance(step.options, Run):
            self._check_program(step.options.program, (*path, step.action, "program"))
        self._secrets |= hidden
        for name in stored:
            if name in BUILT_IN or name in self._parameters:
                kind = "built-in name" if name in BUILT_IN else "parameter"
                self._note((*path, step.action, "store"), f"'{name}' is a {kind}; choose another")

    def _check_text(
        self, model: Strict, text: str, at: Path, known: Mapping[str, tuple[str, ...]], hidden: set[str]
    ) -> None:
        for name, part in _references(text):
            self.used.add(name)
            if name not in known:
                self._note(
                    at, f"'{excerpt(name)}' is not set at this point{suggestion(name, sorted(known), 'known names')}"
                )
            elif name in self._secrets | hidden and part != "status" and not _may_be_secret(model, at, text):
                self._note(at, f"'{name}' is a secret and would be visible here; {_SECRET_PLACES}")
            elif name not in self._secrets and _is_password(model, at):
                words = f"declare the parameter as {name}: {{type: secret}}"
                self._note(at, f"'{name}' is not a secret, but a password must be one; {words}")
            elif part and part not in known[name]:
                parts = " and ".join(known[name])
                self._note(at, f"'{name}' has no part '{excerpt(part)}'" + (f"; it has {parts}" if parts else ""))

    def _check_program(self, text: str, at: Path) -> None:
        names = set(PROGRAM_NAME.findall(text))
        self.used |= names
        for name in sorted(set(_TEMPLATE_IN_PROGRAM.findall(text)) & set(self._known)):
            self.used.add(name)
            self._note(at, f'{{{{ {name} }}}} is not replaced in a program; write "${name}"')
        for name in sorted(names - set(self._known)):
            # A name that occurs elsewhere in the program may be set there.
            if len(re.findall(rf"\b{name}\b", text)) > len(re.findall(rf"\$\{{?{name}\b(?!:?[-=+?])", text)):
                continue
            meant = did_you_mean(name, sorted(self._known))
            if meant and name.removesuffix("_status") not in self._known:
                self._note(at, f"${name} is never set{meant}")


def used_names(step: Step) -> set[str]:
    """Return the names whose values a step needs."""
    return template_names(step) | program_names(step)


def template_names(step: Step) -> set[str]:
    """Return the names that a step uses in templates, without those it stores itself."""
    names: set[str] = set()
    for model, _, sees_own in _models(step, ()):
        for _, text in _templates(model):
            names |= {name for name, _ in _references(text)} - (stored_names(step) if sees_own else set())
    return names


def program_names(step: Step) -> set[str]:
    """Return the names that a step's program uses as variables."""
    if not isinstance(step.options, Run):
        return set()
    names = set(PROGRAM_NAME.findall(step.options.program))
    return names | {name.removesuffix("_status") for name in names}


def stored_names(step: Step) -> set[str]:
    """Return the names that a step stores."""
    store = getattr(step.options, "store", None)
    return set() if store is None else {store}


def secret_names(parameters: Mapping[str, Parameter], steps: tuple[Step, ...]) -> set[str]:
    """Return the names whose values must not be shown."""
    names = {name for name, one in parameters.items() if one.type == "secret"}
    for step in steps:
        if isinstance(step.options, Run) and step.options.secret:
            names |= stored_names(step)
    return names


def _models(step: Step, path: Path) -> Iterator[tuple[Strict, Path, bool]]:
    """Yield the models of a step, their paths, and whether they see the name that the step itself stores."""
    yield step.options, (*path, step.action), False
    if step.when is not None:
        yield step.when, (*path, "when"), False
    if step.repeat is not None:
        yield step.repeat.until, (*path, "repeat", "until"), True


def _templates(model: Strict) -> Iterator[tuple[Path, str]]:
    """Yield the templates of a model and their paths."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if name in model.literal:
            continue
        if isinstance(value, str):
            yield (field.alias or name,), value
        elif isinstance(value, dict):
            for key, one in value.items():
                if isinstance(one, str):
                    yield (field.alias or name, key), one


def _references(text: str) -> tuple[tuple[str, str], ...]:
    try:
        return parse_template(text).references
    except TemplateInvalid:
        return ()  # reported by the model


def _may_be_secret(model: Strict, at: Path, text: str) -> bool:
    typed = isinstance(model, Include) or (isinstance(model, Send) and not model.keys)
    return _is_single(text) and (typed or _is_password(model, at))


def _is_single(text: str) -> bool:
    """Whether `text` is one placeholder without filters, and nothing else."""
    return re.fullmatch(r"\{\{ *[a-z0-9_]+ *\}\}", text) is not None


def _is_password(model: Strict, at: Path) -> bool:
    return isinstance(model, Login) and at[-1] == "password"
