"""YAML with places: what a file says, and where it says it. No I/O.

Of YAML 1.1 what a person would write by hand: no aliases, tags or merge keys, no key twice, and words such as
``no`` or ``12:30`` stay words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from ..errors import ConfigInvalid
from ..printable import printable
from .words import beginning

__all__ = ["MOST_BYTES", "Document", "Place", "parse_yaml"]

#: PyYAML reads some 100 KiB in a second.
_MOST_CHARACTERS = 256 << 10
_DEEPEST = 20
_MESSAGE = 900
#: Of a file: so many characters may have 4 bytes each.
MOST_BYTES = 4 * _MOST_CHARACTERS
_BOOLEANS = {"true": True, "false": False}
_OPENING = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)
_TOO_DEEP = "it is nested too deeply to be a runbook"
_PLAIN = {"tag:yaml.org,2002:int": int, "tag:yaml.org,2002:float": float}

#: A value's place: keys and indices from the top.
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Place:
    """Where something stands.

    Fields:
        line, column: from 1.
    """

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


@dataclass(frozen=True)
class Document:
    """A parsed file.

    Fields:
        value: dicts, lists, texts, numbers, booleans and None.
        places: of every value and every key, by path.
        name: of the file, printable.
    """

    value: Any
    places: dict[Path, Place]
    name: str

    def place(self, path: Path) -> Place:
        """Where `path` stands, or what it belongs to."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))

    def wrong(self, path: Path, words: str) -> str:
        """A sentence about `path`: file, line, column, and what is wrong."""
        return f"{self.name}, {self.place(path)}: {beginning(words, _MESSAGE)}"


class _Loader(yaml.SafeLoader):
    """Words stay words: of plain scalars, only numbers, true, false and null are anything else."""


_Loader.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:null")
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str, name: str) -> Document:
    """Read a YAML file.

    Args:
        text: of it.
        name: what the file is called in messages.

    Raises:
        ConfigInvalid: with file, line and column.
    """
    shown = printable(name, 200)
    if len(text) > _MOST_CHARACTERS:
        raise ConfigInvalid(f"{shown} is larger than {_MOST_CHARACTERS >> 10} KiB: no runbook is so")
    try:
        _refuse_tokens(text, shown)
        node = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        raise ConfigInvalid(_words(error, shown)) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, error.position - before.rfind("\n"))
        character = printable(chr(error.character) if isinstance(error.character, int) else str(error.character))
        raise ConfigInvalid(f"{shown}, {place}: the character {character} has no place in a runbook") from None
    places: dict[Path, Place] = {}
    value = None if node is None else _value(node, (), places, shown)
    return Document(value, places, shown)


def _refuse_tokens(text: str, shown: str) -> None:
    """Refuse aliases, anchors and tags, and what is too deep for a parser that calls itself."""
    depth = 0
    for token in yaml.scan(text, _Loader):
        place = _place(token.start_mark)
        if isinstance(token, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken):
            words = "aliases, anchors and tags are not for runbooks; a text that begins with *, & or ! needs quotes"
            raise ConfigInvalid(f"{shown}, {place}: {words}")
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > _DEEPEST:
            raise ConfigInvalid(f"{shown}, {place}: {_TOO_DEEP}")


def _value(node: yaml.Node, path: Path, places: dict[Path, Place], shown: str) -> Any:
    places[path] = _place(node.start_mark)
    if len(path) > _DEEPEST:
        raise ConfigInvalid(f"{shown}, {places[path]}: {_TOO_DEEP}")
    if isinstance(node, yaml.SequenceNode):
        return [_value(one, (*path, index), places, shown) for index, one in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, places, shown)
    return _scalar(node, places[path], shown)


def _mapping(node: yaml.MappingNode, path: Path, places: dict[Path, Place], shown: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        place = _place(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            hole = isinstance(key_node, yaml.MappingNode) and key_node.flow_style
            words = "a text that begins with {{ needs quotes" if hole else "a key is a word, not a list or keys"
            raise ConfigInvalid(f"{shown}, {place}: {words}")
        key = str(key_node.value)
        if key in found:
            raise ConfigInvalid(
                f"{shown}, {place}: '{beginning(key)}' stands twice, first on line {places[(*path, key)].line}"
            )
        found[key] = _value(value_node, (*path, key), places, shown)
        places[(*path, key)] = place  # of the key: its value may begin on another line
    return found


def _scalar(node: yaml.Node, place: Place, shown: str) -> Any:
    text = str(node.value)
    if getattr(node, "style", None) is not None:
        return text
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if node.tag == "tag:yaml.org,2002:null":
        return None
    kind = _PLAIN.get(node.tag)
    try:
        number = None if kind is None else kind(text)
    except ValueError:  # 0x10, .inf, 12:30: numbers that people mean as words here
        return text
    # Else 1.50 would be 1.5, and 007 seven, where a text is meant.
    return text if number is None or str(number) != text else number


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


#: What PyYAML says -> what it means, and whether it is told where the thing began.
_PROBLEMS = {
    "'\\t'": ("a tab: YAML indents with blanks", False),
    "mapping values are not allowed": ("a second colon in the line: a text that holds ': ' needs quotes", False),
    "unknown escape character": ("in double quotes a backslash is YAML's own; single quotes leave it as it is", False),
    "expected escape sequence": ("in double quotes a backslash is YAML's own; single quotes leave it as it is", False),
    "unexpected end of stream": ("this quote is not closed", True),
    "unexpected document separator": ("this quote is not closed", True),
    "expected ',' or ']'": ("this [ is not closed by ]", True),
    "expected ',' or '}'": ("this { is not closed by }", True),
    "could not find expected ':'": ("a colon is missing in this line, behind a key, or a quote around a text", True),
    "expected <block end>": (
        "the line does not begin below those that it belongs to, or a quote ends too early",
        False,
    ),
    "expected alphabetic or numeric": ("a text that begins with * or & needs quotes", False),
    "found another document": ("a second document begins here (---): a file holds one runbook", False),
    "sequence entries are not allowed": ("a list begins on a line of its own", False),
    "that cannot start any token": ("a text that begins with {character} needs quotes", False),
}


def _words(error: yaml.MarkedYAMLError, shown: str) -> str:
    problem, context, mark = error.problem or "", error.context or "", error.problem_mark or error.context_mark
    for part, (words, at_begin) in _PROBLEMS.items():
        if part in problem:
            mark = error.context_mark if at_begin and error.context_mark is not None else mark
            character = problem.split("'")[1] if "'" in problem else "it"
            told = words.replace("{character}", printable(character, 20))
            break
    else:
        told = f"this is not YAML: {printable(problem, 200)}" + (f" ({printable(context, 100)})" if context else "")
    where = f", {_place(mark)}" if mark is not None else ""
    return f"{shown}{where}: {told}"
