"""The syntax of conserver.cf(5), as conserver 8.2.7 reads it (conserver/cutil.c: GetWord, ParseFile). No I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from ...errors import UsageError
from ...printable import printable
from .source import NOT_FOLLOWED, Source

__all__ = ["Blocks", "read_blocks"]

_MAX_LEVEL = 10
_SPACES = " \t\n\v\f\r"
_INCLUDE = "include"
_OF_CONSOLE = """
    baud break breaklist device devicesubst exec execrunas execsubst host idlestring idletimeout include initcmd
    initrunas initspinmax initspintimer initsubst ipmiciphersuite ipmikg ipmiprivlevel ipmiworkaround logfile
    logfilemax master motd options parity password port portbase portinc protocol replstring ro rw tasklist timestamp
    type uds udssubst username
"""
#: The kinds of blocks, and the items of each.
_ITEMS = {
    kind: frozenset(items.split())
    for kind, items in {
        "task": "cmd confirm description runas subst",
        "break": "confirm delay string",
        "group": "users",
        "default": _OF_CONSOLE,
        "console": f"aliases {_OF_CONSOLE}",
        "access": "admin allowed include limited rejected trusted",
        "config": """
            autocomplete daemonmode defaultaccess initdelay logfile loghostnames passwdfile primaryport redirect
            reinitcheck secondaryport setproctitle sslcacertificatefile sslcredentials sslreqclientcert sslrequired
            unifiedlog
        """,
    }.items()
}


class Blocks(Protocol):
    """Receives the contents of a file. Each call names the file and the line."""

    def begin(self, kind: str, name: str, file: str, line: int) -> None:
        """A block begins."""

    def item(self, key: str, value: str, line: int) -> None:
        """The current block has an item."""

    def end(self) -> None:
        """The current block ends."""

    def abort(self) -> None:
        """The current block is ignored, because its syntax is wrong."""

    def note(self, text: str, line: int, *, file: str) -> None:
        """There is something to report."""


def read_blocks(source: Source, blocks: Blocks) -> None:
    """Pass the contents of a file, and of those that it includes, to `blocks`."""
    parser = _Parser(blocks)
    parser.read(source, 0)
    parser.finish()


class _Parser:
    """Follows the tokens through the states of conserver's own parser; included files continue the state."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self._state, self._kind, self._key = "start", "", ""
        self._file, self._line = "", 1
        self._has_name = False

    def read(self, source: Source, level: int) -> None:
        """Read the tokens of a file."""
        self._file = source.name
        words = _Words(source.text)
        while (token := words.next(self._state in ("name", "value"))) is not None:
            mark, text, self._line = token
            if mark == "include":
                self._include(source, text, level)
                self._file = source.name
            else:
                _HANDLERS[self._state](self, mark, text)

    def finish(self) -> None:
        """Check that the last block is complete."""
        if self._state not in ("start", "name"):
            self._abort()
        if self._state != "start":
            self._note("the file ends inside a block")

    def _include(self, source: Source, name: str, level: int) -> None:
        shown = f"#include {printable(name, 80)}"
        if source.included is None or level + 1 >= _MAX_LEVEL:
            self._note(NOT_FOLLOWED.format(shown) if source.included is None else f"{shown} is nested too deep")
            return
        line = self._line
        try:
            files = source.included(name)
        except (OSError, UsageError) as error:
            self._note(f"{shown}: {printable(str(error), 200)}")
            return
        for file in files:
            self.read(file, level + 1)
        self._line = line

    def start(self, mark: str, word: str) -> None:
        """Expect the kind of a block."""
        if mark == "word" and word.lower() in _ITEMS:
            self._state, self._kind = "name", word.lower()
        else:
            self._note(f"invalid keyword {printable(word, 60)!r}")

    def name(self, mark: str, word: str) -> None:
        """Expect the name of a block."""
        if mark == "word":
            self._has_name = bool(word)
            if word:
                self._blocks.begin(self._kind, word, self._file, self._line)
            else:
                self._note(f"a {self._kind} without a name is ignored")
            self._state = "brace"
        else:
            self._unexpected(word)
            self._state = "start" if mark == "}" else self._state

    def brace(self, mark: str, word: str) -> None:
        """Expect the opening brace of a block."""
        if mark == "{":
            self._state = "key"
        elif mark == "}":
            self._abort(word)
        else:
            self._unexpected(word)

    def item_key(self, mark: str, word: str) -> None:
        """Expect an item's key, or the end of the block."""
        if mark == "word" and word.lower() in _ITEMS[self._kind]:
            self._state, self._key = "value", word.lower()
        elif mark == "}":
            if self._has_name:
                self._blocks.end()
            self._state = "start"
        else:
            self._unexpected(word)

    def value(self, mark: str, word: str) -> None:
        """Expect an item's value."""
        if mark == "word":
            if self._has_name:
                self._blocks.item(self._key, word, self._line)
            self._state = "semicolon"
        elif mark == "}":
            self._abort(word)
        else:
            self._unexpected(word)
            self._state = "key" if mark == ";" else self._state

    def semicolon(self, mark: str, word: str) -> None:
        """Expect the end of an item."""
        if mark == ";":
            self._state = "key"
        elif mark == "}":
            self._abort(word)
        else:
            self._unexpected(word)

    def _abort(self, word: str = "") -> None:
        if word:
            self._unexpected(word)
        if self._has_name:
            self._blocks.abort()
            self._has_name = False
        self._state = "start" if word else self._state

    def _unexpected(self, word: str) -> None:
        self._note(f"unexpected {printable(word, 60)!r}")

    def _note(self, text: str) -> None:
        self._blocks.note(text, self._line, file=self._file)


_HANDLERS: dict[str, Callable[[_Parser, str, str], None]] = {
    "start": _Parser.start,
    "name": _Parser.name,
    "brace": _Parser.brace,
    "key": _Parser.item_key,
    "value": _Parser.value,
    "semicolon": _Parser.semicolon,
}


class _Words:
    """The tokens of a text."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._line = text, 0, 1
        self._included = ""

    def next(self, with_blanks: bool) -> tuple[str, str, int] | None:
        """Return the next token: its kind (``word``, ``include`` or the mark itself), its text and its line.

        Args:
            with_blanks: whether blanks inside a word are part of it.
        """
        word: list[str] = []
        start = self._line
        quoted = False
        for kind, char in self._characters():
            if not word and not quoted:
                start = self._line
            if kind == "include":
                return "include", char, self._line - 1
            if kind == "quote":
                quoted = True
            elif kind == "literal":
                word.append(char)
            elif char in _SPACES:
                if word and not with_blanks:
                    break
                word += char if word else ""
            elif char in "{};":
                if not word and not quoted:
                    return char, char, self._line
                self._at -= 1
                break
            else:
                word.append(char)
        else:
            if not word and not quoted:
                return None
        return "word", "".join(word).rstrip(_SPACES), start

    def _characters(self) -> Iterator[tuple[str, str]]:
        """Yield the characters outside comments: ``plain``, ``literal`` (escaped or quoted), ``quote`` or ``include``.

        ``#include`` counts where nothing but blanks and whole tokens stand before it on its line. Its position in the
        word is `matched`; -1: it may begin, -2: it cannot begin on this line, -3: the file's name follows.
        """
        matched = -1
        comment = escaped = in_quotes = False
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if char == "\n":
                self._line += 1
                matched = -1 if matched in (-2, 0) else matched
            if comment:
                comment = char != "\n"
                matched = self._match_include(matched, char)
                if matched == -4:
                    yield "include", self._take_included()
                    return
            elif escaped:
                # In quotes, only a quote can be escaped, and a backslash that escapes nothing remains.
                if in_quotes and char != '"':
                    yield "literal", "\\"
                escaped = in_quotes and char == "\\"
                if not escaped:
                    yield "literal", char
            elif char == "\\":
                escaped = True
            elif char == '"':
                in_quotes = not in_quotes
                yield "quote", ""
            elif in_quotes:
                yield "literal", char
            elif char == "#":
                comment = True
                matched = 0 if matched == -1 else matched
            else:
                yield "plain", char
        if escaped and in_quotes:
            yield "literal", "\\"

    def _match_include(self, matched: int, char: str) -> int:
        """Return the next state of ``#include`` after a character of a comment; -4: its file's name is complete."""
        if matched == len(_INCLUDE):
            return -3 if char in _SPACES else matched
        if matched >= 0:
            return matched + 1 if char == _INCLUDE[matched] else -2
        if matched == -3:
            if char == "\n" and self._included:
                return -4
            self._included = (self._included + char).lstrip(_SPACES)
        return matched

    def _take_included(self) -> str:
        name, self._included = self._included.rstrip(_SPACES), ""
        return name
