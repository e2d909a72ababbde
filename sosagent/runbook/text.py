"""Parse YAML and keep the place of every key and value. No I/O.

Only the simple part of YAML 1.1 is accepted: no aliases, tags or merge keys, and no duplicate keys. Words such
as ``no`` and ``12:30`` are text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from ..errors import ConfigInvalid
from ..printable import printable
from .words import excerpt

__all__ = ["MOST_BYTES", "Document", "Path", "Place", "parse_yaml"]

#: PyYAML parses about 100 KiB a second.
_MOST_CHARACTERS = 256 << 10
_MOST_LEVELS = 20
_MESSAGE = 900
#: Size limit of a file; a character has at most 4 bytes.
MOST_BYTES = 4 * _MOST_CHARACTERS
_BOOLEANS = {"true": True, "false": False}
_OPENING = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
_TOO_DEEP = f"more than {_MOST_LEVELS} nested levels"
_NUMBERS = {"tag:yaml.org,2002:int": int, "tag:yaml.org,2002:float": float}

#: The path of a value: keys and indices from the top.
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """A place in a file.

    Fields:
        line, column: counted from 1.
    """

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True)
class Document:
    """A parsed file.

    Fields:
        value: dicts, lists, texts, numbers, booleans and None.
        places: the place of every value and key, by path; and of the lines of texts, by the path of the text and the
            number of the line, from 0. A text that YAML may fold or unescape has only its first line.
        name: the name of the file, printable.
    """

    value: Any
    places: dict[Path, Place]
    name: str

    def has_line(self, path: Path, line: int) -> bool:
        """Whether the place of a line of the text at `path` is known."""
        return (*path, line) in self.places

    def place(self, path: Path) -> Place:
        """Return the place of `path`, or of its closest parent in the file."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))

    def located(self, path: Path, message: str) -> str:
        """Return `message` with the file, line and column of `path` in front."""
        return f"{self.name}:{self.place(path)}: {excerpt(message, _MESSAGE)}"


class _Loader(yaml.SafeLoader):
    """A loader for which an unquoted scalar is text, unless it is a number, true, false or null."""


_Loader.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:null")
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str, name: str) -> Document:
    """Parse a YAML file.

    Args:
        text: the contents of the file.
        name: the name of the file, for messages.

    Raises:
        ConfigInvalid: the text is not valid; the message has the file, line and column.
    """
    shown = printable(name, 200)
    if len(text) > _MOST_CHARACTERS:
        raise ConfigInvalid(f"{shown} is larger than {_MOST_CHARACTERS >> 10} KiB, the limit for a runbook")
    try:
        _check_tokens(text, shown)
        node = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        raise ConfigInvalid(_syntax_message(error, shown)) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
        character = printable(chr(error.character) if isinstance(error.character, int) else str(error.character))
        raise ConfigInvalid(f"{shown}:{place}: the character {character} is not allowed") from None
    places: dict[Path, Place] = {}
    value = None if node is None else _value(node, (), places, shown)
    if node is not None:
        places.update(_lines_of_texts(node, (), text.split("\n")))
    return Document(value, places, shown)


def _check_tokens(text: str, shown: str) -> None:
    """Refuse aliases, anchors and tags, and more levels than the recursive parser can handle."""
    depth = 0
    for token in yaml.scan(text, _Loader):
        place = _place(token.start_mark)
        if isinstance(token, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken):
            words = "aliases, anchors and tags are not allowed; put text that starts with *, & or ! in quotes"
            raise ConfigInvalid(f"{shown}:{place}: {words}")
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > _MOST_LEVELS:
            raise ConfigInvalid(f"{shown}:{place}: {_TOO_DEEP}")


def _value(node: yaml.Node, path: Path, places: dict[Path, Place], shown: str) -> Any:
    places[path] = _place(node.start_mark)
    if len(path) > _MOST_LEVELS:
        raise ConfigInvalid(f"{shown}:{places[path]}: {_TOO_DEEP}")
    if isinstance(node, yaml.SequenceNode):
        return [_value(one, (*path, index), places, shown) for index, one in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, places, shown)
    return _scalar(node)


def _lines_of_texts(node: yaml.Node, path: Path, source: list[str]) -> Iterator[tuple[Path, Place]]:
    """Yield the paths and places of the lines of all texts in `node`."""
    if isinstance(node, yaml.SequenceNode):
        for at, one in enumerate(node.value):
            yield from _lines_of_texts(one, (*path, at), source)
    elif isinstance(node, yaml.MappingNode):
        for key, one in node.value:
            yield from _lines_of_texts(one, (*path, str(key.value)), source)
    elif (style := getattr(node, "style", None)) not in ("|", ">"):
        yield (*path, 0), _place(node.start_mark)
    else:
        first = node.start_mark.line + 1
        count = node.value.rstrip("\n").count("\n") + 1 if style == "|" else 1
        for at, line in enumerate(source[first : first + count]):
            yield (*path, at), Place(first + at + 1, len(line) - len(line.lstrip(" ")) + 1)


def _mapping(node: yaml.MappingNode, path: Path, places: dict[Path, Place], shown: str) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = _place(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            is_template = isinstance(key_node, yaml.MappingNode) and key_node.flow_style
            words = "put text that starts with {{ in quotes" if is_template else "a key must be a word"
            raise ConfigInvalid(f"{shown}:{place}: {words}")
        key = str(key_node.value)
        if key in mapping:
            first = places[(*path, key)].line
            raise ConfigInvalid(f"{shown}:{place}: duplicate key '{excerpt(key)}', first used on line {first}")
        mapping[key] = _value(value_node, (*path, key), places, shown)
        places[(*path, key)] = place  # of the key: its value may start on another line
    return mapping


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    if getattr(node, "style", None) is not None:
        return text
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if node.tag == "tag:yaml.org,2002:null":
        return None
    kind = _NUMBERS.get(node.tag)
    try:
        number = None if kind is None else kind(text)
    except ValueError:  # 0x10, .inf, 12:30: numbers in YAML, but text in a runbook
        return text
    # Keep 1.50 and 007 as text where they would change as numbers.
    return text if number is None or str(number) != text else number


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


_BACKSLASH = "YAML interprets a backslash in double quotes; use single quotes"
#: Part of PyYAML's message -> our message, and whether to report the start of the construct instead.
_PROBLEMS = {
    "'\\t'": ("this is a tab; indent YAML with spaces", False),
    "mapping values are not allowed": ("this line has a second colon; put text that contains ': ' in quotes", False),
    "unknown escape character": (_BACKSLASH, False),
    "expected escape sequence": (_BACKSLASH, False),
    "unexpected end of stream": ("this quote is not closed", True),
    "unexpected document separator": ("this quote is not closed", True),
    "expected ',' or ']'": ("this [ is not closed by ]", True),
    "expected ',' or '}'": ("this { is not closed by }", True),
    "could not find expected ':'": ("this line needs a colon after its key, or quotes around its text", True),
    "expected <block end>": ("the indentation does not match the lines above, or a quote ends too early", False),
    "expected alphabetic or numeric": ("put text that starts with * or & in quotes", False),
    "found another document": ("a second document starts here (---); a file contains one runbook", False),
    "sequence entries are not allowed": ("a list must start on a line of its own", False),
    "that cannot start any token": ("put text that starts with {character} in quotes", False),
}


def _syntax_message(error: yaml.MarkedYAMLError, shown: str) -> str:
    problem, context, mark = error.problem or "", error.context or "", error.problem_mark or error.context_mark
    for part, (words, at_start) in _PROBLEMS.items():
        if part in problem:
            mark = error.context_mark if at_start and error.context_mark is not None else mark
            character = problem.split("'")[1] if "'" in problem else "it"
            message = words.replace("{character}", printable(character, 20))
            break
    else:
        message = f"invalid YAML: {printable(problem, 200)}" + (f" ({printable(context, 100)})" if context else "")
    place = f":{_place(mark)}" if mark is not None else ""
    return f"{shown}{place}: {message}"
