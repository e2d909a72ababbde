"""Patterns over growing console text, each byte looked at once.

The shape is pexpect's; the cost is not. A pattern that ends in ``$`` asks for a prompt and is
tried on the open line only; any other is searched in what is new. So the cost is linear in the
bytes and the memory bounded, whatever the size of the portions.

Result values are frozen. There are no attributes that the next call changes under one's hands.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from .text import Text

__all__ = ["EOF", "TIMEOUT", "Ending", "Expecter", "Match", "Pattern", "Patterns", "compile_patterns"]

_PROMPT_WINDOW = 1024  # a prompt is looked for at the open line's end
_SPAN_OVERLAP = 1024  # how far back a pattern that spans lines may begin
_KEEP_BEFORE = 64 * 1024  # of the text before a match, its end
_KEEP_NEW = 1024 * 1024  # of what came while nothing was expected, its end


class Ending:
    """An entry of the pattern list that stands for no text (`TIMEOUT`, `EOF`)."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


TIMEOUT = Ending("TIMEOUT")
EOF = Ending("EOF")

Pattern = str | re.Pattern[str] | Ending


@dataclass(frozen=True)
class Match:
    """What `expect` found.

    Fields:
        index: position of the pattern in the list that was given.
        text: the text that matched; empty for TIMEOUT and EOF.
        before: what came before it since the last match, at most its last 64 KiB.
        groups: the pattern's groups.
    """

    index: int
    text: str
    before: str
    groups: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class Patterns:
    """A compiled list: prompts are tried on the open line, messages on all new text.

    Fields:
        prompts, messages: (index in the list, compiled pattern).
        spanning: whether a message may reach across a newline.
        timeout, eof: where TIMEOUT and EOF stand in the list; None if they do not.
    """

    prompts: tuple[tuple[int, re.Pattern[str]], ...]
    messages: tuple[tuple[int, re.Pattern[str]], ...]
    spanning: bool
    timeout: int | None
    eof: int | None


def compile_patterns(patterns: Sequence[Pattern], *, exact: bool = False) -> Patterns:
    """Compile what was given to `expect`; the result may be used again and again.

    Args:
        patterns: regular expressions as text or compiled, or TIMEOUT and EOF.
        exact: take texts literally.

    Raises:
        re.error: a text is not a regular expression.
    """
    prompts: list[tuple[int, re.Pattern[str]]] = []
    messages: list[tuple[int, re.Pattern[str]]] = []
    places: dict[Ending, int] = {}
    for index, pattern in enumerate(patterns):
        if isinstance(pattern, Ending):
            places[pattern] = index
            continue
        if isinstance(pattern, str):
            pattern = re.compile(re.escape(pattern) if exact else pattern)
        (prompts if _is_prompt(pattern) and not exact else messages).append((index, pattern))
    spanning = any(_may_span(pattern) for _, pattern in messages)
    return Patterns(tuple(prompts), tuple(messages), spanning, places.get(TIMEOUT), places.get(EOF))


def _is_prompt(pattern: re.Pattern[str]) -> bool:
    body = pattern.pattern
    escapes = len(body[:-1]) - len(body[:-1].rstrip("\\"))
    return body.endswith("$") and escapes % 2 == 0 and not pattern.flags & re.MULTILINE


def _may_span(pattern: re.Pattern[str]) -> bool:
    return bool(pattern.flags & re.DOTALL) or bool(re.search(r"\n|\\[nsDWS]|\[\^|\(\?[a-z]*s", pattern.pattern))


class Expecter:
    """Console text as it grows, and the search in it.

    Feed it bytes with `feed`, ask with `find`. What a match consumed is not searched again; what
    came after it is kept for the next `find`: at least the last mebibyte, if `find` is not called for long.
    """

    def __init__(self, width: int = 80) -> None:
        self._text = Text(width)
        self._open_used = 0  # characters of the open line that a match consumed
        self._new: list[str] = []  # finished text, with newlines, that no `find` has looked at
        self._new_size = 0  # of it, since it was last looked at; it may be less
        self._old: deque[str] = deque()  # finished text that was searched in vain
        self._old_size = 0
        self._asked: Patterns | None = None

    @property
    def open_line(self) -> str:
        """The line without a newline, as it stands."""
        return self._text.open_line

    @property
    def prompt(self) -> str:
        """The open line without a right prompt; see `Text.prompt`."""
        return self._text.prompt

    @property
    def after_cursor(self) -> str:
        """What stands behind the cursor; see `Text.after_cursor`."""
        return self._text.after_cursor

    @property
    def cursor_jumps(self) -> int:
        """How often a program has sent the cursor about; see `Text.cursor_jumps`."""
        return self._text.cursor_jumps

    def feed(self, data: bytes) -> list[str]:
        """Take the next bytes of the console; give the lines that they finished."""
        lines = self._text.feed(data)
        if lines:
            text = "\n".join(lines) + "\n"
            if self._open_used:
                text = text[min(self._open_used, len(lines[0])) :]
                self._open_used = 0
            self._new.append(text)
            self._new_size += len(text)
            if self._new_size > 2 * _KEEP_NEW:  # nobody expects anything
                self._new = ["".join(self._new)[-_KEEP_NEW:]]
                self._new_size = _KEEP_NEW
        return lines

    @property
    def just_jumped(self) -> bool:
        """Whether the cursor is still where a program has sent it; see `Text.just_jumped`."""
        return self._text.just_jumped

    def restart(self, open_line: str) -> None:
        """Consume all, and go on with `open_line`; see `Text.restart`."""
        self._text.restart(open_line)
        self.skip()

    def skip(self) -> None:
        """Consume all that has come: only what comes after this call can match."""
        self._new.clear()
        self._old.clear()
        self._old_size = 0
        self._open_used = len(self._text.open_line)

    def find(self, patterns: Patterns) -> Match | None:
        """Search what is new since the last `find` with the same `patterns` (all, if they are others)."""
        self._new_size = 0
        if patterns is not self._asked:
            self._asked = patterns
            self._new = [*self._old, *self._new]
            self._old.clear()
            self._old_size = 0
        if patterns.messages and (self._new or self._text.open_line):
            found = self._find_message(patterns)
            if found is not None:
                return found
        elif self._new:
            self._keep("".join(self._new))
        line = self._text.open_line
        start = max(self._open_used, len(line) - _PROMPT_WINDOW)
        for index, pattern in patterns.prompts:
            match = pattern.search(line, start)
            if match is not None:
                before = self._before(line[self._open_used : match.start()])
                self.skip()
                return Match(index, match[0], before, match.groups())
        return None

    def _find_message(self, patterns: Patterns) -> Match | None:
        new = "".join(self._new)
        overlap = self._overlap() if patterns.spanning else ""
        text = overlap + new + self._text.open_line[self._open_used :]
        best: tuple[int, re.Match[str]] | None = None
        for index, pattern in patterns.messages:
            match = pattern.search(text)
            if match is not None and (best is None or match.start() < best[1].start()):
                best = index, match
        if best is None:
            self._keep(new)
            return None
        index, match = best
        before = self._before(text[len(overlap) : match.start()], drop=max(len(overlap) - match.start(), 0))
        self._consume(new, match.end() - len(overlap))
        return Match(index, match[0], before, match.groups())

    def _overlap(self) -> str:
        """The end of what was searched in vain, where a match may begin that reaches into the new text."""
        parts: list[str] = []
        size = 0
        for text in reversed(self._old):
            parts.append(text)
            size += len(text)
            if size >= _SPAN_OVERLAP:
                break
        return "".join(reversed(parts))[-_SPAN_OVERLAP:]

    def _consume(self, new: str, end: int) -> None:
        self._old.clear()
        self._old_size = 0
        self._asked = None
        if end < len(new):
            self._new = [new[max(end, 0) :]]
        else:
            self._new = []
            self._open_used += end - len(new)

    def _keep(self, text: str) -> None:
        """Remember text that was searched in vain: its end is `before` of a later match."""
        self._new.clear()
        if not text:
            return
        self._old.append(text[-_KEEP_BEFORE:])
        self._old_size += len(self._old[-1])
        while self._old_size - len(self._old[0]) >= _KEEP_BEFORE:
            self._old_size -= len(self._old.popleft())

    def _before(self, last: str, drop: int = 0) -> str:
        text = "".join(self._old)
        return (text[: len(text) - drop] + last)[-_KEEP_BEFORE:]
