"""All regular expressions of the package, and the texts that may make them slow.

`all_patterns` finds every pattern by itself, so that a new one is covered: compiled ones in modules, and literals in
calls. `hostile_texts` builds, from the parts of a pattern, texts in which a search may have to try many starts, or many
ways to divide the text.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import re
import re._constants as sre_constants  # type: ignore[import-not-found]
import re._parser as sre_parser  # type: ignore[import-not-found]
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

import sosagent
from sosagent.endpoint.dialects import DIALECTS
from sosagent.terminal.states import STATES

__all__ = ["SIZE", "Found", "all_patterns", "hostile_texts"]

SIZE = 64 * 1024
_RE_FUNCTIONS = frozenset({"compile", "search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"})
#: Our functions that take patterns as text.
_OUR_FUNCTIONS = frozenset({"expect", "find", "compile_patterns", "_press_enter", "read_until"})
_FILLERS = (" ", "0", "[", "[ ", "a", "-", "/", "#", "\x1b[1;", "[    1.000000] ", "\r\n", '"')


# -- finding patterns


@dataclasses.dataclass(frozen=True)
class Found:
    """A pattern of the package.

    Fields:
        where: its place, for messages.
        pattern: the pattern.
        method: how it is applied: ``search``, ``match`` or ``fullmatch``.
    """

    where: str
    pattern: re.Pattern[Any]
    method: str

    def apply(self, text: Any) -> None:
        """Apply the pattern."""
        getattr(self.pattern, self.method)(text)


def all_patterns() -> list[Found]:
    """Return every pattern of the package."""
    found: dict[tuple[Any, int, str], Found] = {}

    def add(where: str, pattern: re.Pattern[Any], methods: Iterable[str]) -> None:
        for method in methods:
            found.setdefault((pattern.pattern, pattern.flags, method), Found(where, pattern, method))

    modules = list(_modules())
    methods = _methods(modules)
    for module in modules:
        for name, value in vars(module).items():
            if name.startswith("__"):
                continue
            for pattern in _patterns_in(value, set()):
                direct = value is pattern
                add(
                    f"{module.__name__}.{name}",
                    pattern,
                    methods.get((module.__name__, name), ("search",)) if direct else ("search",),
                )
    named = {(pattern, flags) for pattern, flags, _ in found}
    for module in modules:
        for line, pattern, method in _literals(module):
            if (pattern.pattern, pattern.flags) not in named:
                add(f"{module.__name__}:{line}", pattern, [method])
    for dialect in DIALECTS.values():
        for text in filter(None, (dialect.banner, dialect.ready, dialect.busy, dialect.confirm)):
            add(f"dialect {dialect.name}", re.compile(text), ["search"])
        for text in filter(None, (dialect.hosts, *(dialect.user or ())[:1])):
            add(f"dialect {dialect.name}", re.compile(text), ["fullmatch"])
        if dialect.prompt:  # as is_prompt and contains_prompt use it
            add(f"dialect {dialect.name}", re.compile(rf"(?i)(?:{dialect.prompt})\s*"), ["fullmatch"])
            around = (r"(?i)(?:{})\s*\S{{0,40}}$" if dialect.distinct else r"(?i)(?:^|[:#$%>]\s+)(?:{})$").format
            add(f"dialect {dialect.name}", re.compile(around(dialect.prompt)), ["search"])
    return list(found.values())


def _methods(modules: Iterable[ModuleType]) -> dict[tuple[str, str], set[str]]:
    """Return how the package applies each pattern that has a name."""
    methods: dict[tuple[str, str], set[str]] = {}
    for module in modules:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if isinstance(node, ast.Attribute) and node.attr in _RE_FUNCTIONS and isinstance(node.value, ast.Name):
                methods.setdefault((module.__name__, node.value.id), set()).add(_method(node.attr))
    return methods


def _method(function: str) -> str:
    return function if function in ("match", "fullmatch") else "search"


def _modules() -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(sosagent.__path__, "sosagent."):
        if not info.name.endswith("__main__"):
            yield importlib.import_module(info.name)


def _patterns_in(value: object, seen: set[int]) -> Iterator[re.Pattern[Any]]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, Mapping):
        yield from _patterns_in([*value.keys(), *value.values()], seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _patterns_in(one, seen)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _patterns_in(getattr(value, field.name), seen)
    elif isinstance(value, type) and value.__module__.startswith("sosagent."):
        yield from _patterns_in([one for name, one in vars(value).items() if not name.startswith("__")], seen)


def _literals(module: ModuleType) -> Iterator[tuple[int, re.Pattern[Any], str]]:
    """Yield the patterns that are written in calls, with their lines."""
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        function = node.func
        if not isinstance(function, ast.Attribute | ast.Name):
            continue
        name = function.attr if isinstance(function, ast.Attribute) else function.id
        owner = function.value if isinstance(function, ast.Attribute) else None
        of_re = isinstance(owner, ast.Name) and owner.id == "re"
        if of_re and name == "compile" and not isinstance(node.args[0], ast.Constant):
            continue  # a module's variable or a table has the pattern
        if of_re and name in _RE_FUNCTIONS:
            flags = _flags(node, module)
            for text in _texts(node.args[0], module):
                yield node.lineno, re.compile(text, flags), _method(name)
        elif name in _OUR_FUNCTIONS:
            for part in node.args[0].elts if isinstance(node.args[0], ast.List | ast.Tuple) else node.args[:1]:
                for text in _texts(part, module):
                    if isinstance(text, str) and (pattern := _compiled(text)):
                        yield node.lineno, pattern, "search"


def _compiled(text: str) -> re.Pattern[str] | None:
    """Compile a pattern; return None if the text is not one, such as the argument of `str.find`."""
    try:
        return re.compile(text)
    except re.error:
        return None


def _texts(node: ast.expr, module: ModuleType) -> Iterator[str | bytes]:
    """Yield the text of a literal; what an f-string inserts is taken from the module, or is a word."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            str(part.value) if isinstance(part, ast.Constant) else _inserted(part, module) for part in node.values
        )


def _inserted(node: ast.expr, module: ModuleType) -> str:
    assert isinstance(node, ast.FormattedValue)
    value = vars(module).get(node.value.id) if isinstance(node.value, ast.Name) else None
    return str(value) if isinstance(value, str | int) else "1"


def _flags(node: ast.Call, module: ModuleType) -> int:
    flags = 0
    for part in [*node.args[1:], *(word.value for word in node.keywords)]:
        for inner in ast.walk(part):
            if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id == "re":
                flags |= int(getattr(re, inner.attr, 0))
    return flags


# -- building texts


def hostile_texts(pattern: re.Pattern[Any]) -> list[Any]:
    """Return texts of 64 KiB that are built from the parts of `pattern`, and common ones."""
    text = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    parsed = sre_parser.parse(text, pattern.flags & (re.IGNORECASE | re.DOTALL | re.MULTILINE))
    prefixes, repeated = _parts(parsed)
    pieces = dict.fromkeys([*prefixes, *repeated, *_examples(pattern), *_FILLERS])
    texts: dict[str, None] = {}
    for piece in pieces:
        if piece:
            texts[_filled(piece)] = None
            texts[_filled(piece) + "\x01"] = None
            texts[_filled(piece + "\n")] = None
    for prefix in dict.fromkeys(prefixes):
        for piece in dict.fromkeys(repeated):
            if prefix and piece:
                texts[(prefix + _filled(piece))[:SIZE] + "\x01"] = None
                texts[_filled(prefix + piece * 3)] = None
    if isinstance(pattern.pattern, bytes):
        return [one.encode("latin-1", "replace") for one in texts]
    return list(texts)


def _filled(piece: str) -> str:
    return (piece * (SIZE // len(piece) + 1))[:SIZE]


def _examples(pattern: re.Pattern[Any]) -> list[str]:
    return [state.example for state in STATES if pattern in (state.prompt, state.above, state.message)]


def _parts(parsed: Any) -> tuple[list[str], list[str]]:
    """Return shortest texts for every start of the pattern, and one character for each of its repetitions."""
    prefixes: list[str] = []
    repeated: list[str] = []

    def walk(items: Any, before: str) -> str:
        for operation, argument in items:
            name = str(operation)
            if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
                least, most, inner = argument
                once = walk(inner, before)[len(before) :]
                if most > 1 and once:
                    repeated.append(once)
                before += once * min(least, 40)
            elif name == "SUBPATTERN":
                before = walk(argument[3], before)
            elif name == "ATOMIC_GROUP":
                before = walk(argument, before)
            elif name == "BRANCH":
                before = next(walk(branch, before) for branch in argument[1])
            elif name not in ("ASSERT", "ASSERT_NOT", "AT", "GROUPREF"):
                before += _character(operation, argument)
            prefixes.append(before)
        return before

    walk(parsed, "")
    return _spread(prefixes, 8), _spread(repeated, 5)


def _spread(items: list[str], count: int) -> list[str]:
    """Return at most `count` of the items that differ, from the first to the last."""
    different = list(dict.fromkeys(items))
    return different[:: len(different) // count + 1]


def _character(operation: Any, argument: Any) -> str:
    """Return a character that an item matches."""
    if operation is sre_constants.LITERAL:
        return chr(argument)
    if operation is sre_constants.ANY:
        return "x"
    if operation is sre_constants.NOT_LITERAL:
        return "x" if chr(argument) != "x" else "y"
    if operation is sre_constants.IN:
        return next((one for one in "a0 .-[:/x\n\t~#A_" if _is_in(argument, one)), _first_of(argument))
    return ""


def _is_in(items: Any, character: str) -> bool:
    negated, found = False, False
    classes = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w", "NOT_DIGIT": r"\D", "NOT_SPACE": r"\S", "NOT_WORD": r"\W"}
    for operation, argument in items:
        name = str(operation)
        if name == "NEGATE":
            negated = True
        elif name == "LITERAL":
            found |= ord(character) == argument
        elif name == "RANGE":
            found |= argument[0] <= ord(character) <= argument[1]
        elif name == "CATEGORY":
            found |= re.match(classes[str(argument).removeprefix("CATEGORY_")], character) is not None
    return found != negated


def _first_of(items: Any) -> str:
    for operation, argument in items:
        if str(operation) == "LITERAL":
            return chr(argument)
        if str(operation) == "RANGE":
            return chr(argument[0])
    return ""
