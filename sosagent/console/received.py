"""The text a console has shown: finished lines, the open line, and marks to compare with later."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from ..secrets.marks import NOT_RECORDED
from ..terminal.expect import Expecter, Match, Patterns
from ..terminal.kernel import is_kernel_line

__all__ = ["Mark", "ReceivedText"]

_KEPT_LINES = 200
_KEPT_CHARACTERS = 1024 * 1024


@dataclass(frozen=True)
class Mark:
    """A moment on a console, to find out later what was received since.

    Fields:
        lines: how many lines were finished by then.
        open_line: the open line at that moment. Empty in a mark that lets any open line count as new.
        cursor_jumps: how often programs had moved the cursor to another row by then.
        kernel_lines: how many of the finished lines were kernel messages.
    """

    lines: int
    open_line: str = ""
    cursor_jumps: int = 0
    kernel_lines: int = 0


class ReceivedText:
    """Text of one console; the last 200 lines are kept, or fewer if they are more than a mebibyte.

    Attributes:
        line_count: how many lines have been finished so far.
        tty_echoes: whether the terminal echoed the ^L that was typed last, as it does for programs that read lines.
            getty reads each character, and echoes it itself.
    """

    def __init__(self) -> None:
        self.line_count = 0
        self.tty_echoes = False
        self._kernel_count = 0
        self._entered: int | None = None  # lines that were finished when Enter was pressed last
        self._text = Expecter()
        self._lines: deque[str] = deque()
        self._kept_size = 0

    def feed(
        self,
        data: bytes,
        kernel_lines: Sequence[str] = (),
        interruptions: Sequence[int] = (),
        *,
        private: bool = False,
    ) -> None:
        """Add output of the console.

        Args:
            data: the next bytes, without the kernel messages that interrupted them.
            kernel_lines: those messages.
            interruptions: where they were; see `FilteredOutput`.
            private: keep a placeholder instead of each line that `data` finishes.
        """
        self._keep(kernel_lines)
        self.line_count += len(kernel_lines)
        self._kernel_count += len(kernel_lines)
        lines, start = [], 0
        for distance in interruptions:
            end = max(len(data) - distance, start)
            lines += self._text.feed(data[start:end])
            self._text.note_interruption()
            start = end
        lines += self._text.feed(data[start:])
        self.line_count += len(lines)
        self._kernel_count += sum(map(is_kernel_line, lines))
        self._keep([NOT_RECORDED] * len(lines) if private else lines)

    def _keep(self, lines: Sequence[str]) -> None:
        self._lines.extend(lines)
        self._kept_size += sum(map(len, lines))
        while len(self._lines) > _KEPT_LINES or self._kept_size > _KEPT_CHARACTERS:
            self._kept_size -= len(self._lines.popleft())

    @property
    def lines(self) -> tuple[str, ...]:
        """The last finished lines, oldest first."""
        return tuple(self._lines)

    @property
    def open_line(self) -> str:
        """The line that has no newline yet, without a right prompt."""
        return self._text.prompt

    @property
    def whole_open_line(self) -> str:
        """The line that has no newline yet, including the text behind the cursor."""
        return self._text.open_line

    @property
    def right_prompt(self) -> tuple[int, str] | None:
        """The text after the cursor and its column, or None."""
        text = self._text.after_cursor
        column = len(self._text.open_line) - len(text.lstrip())
        return (column, text.strip()) if text.strip() else None

    @property
    def just_jumped(self) -> bool:
        """Whether nothing was written since a program last moved the cursor to another row."""
        return self._text.just_jumped

    def note_enter(self) -> None:
        """Enter is about to be pressed: the lines that start from now on may be the answer."""
        self._entered = self.line_count - self._kernel_count

    def note_tty_echo(self, echoed: bool) -> None:
        """Note whether the terminal has echoed our ^L."""
        self.tty_echoes = echoed

    @property
    def follows_enter(self) -> bool:
        """Whether the open line started after we last pressed Enter."""
        return self._entered is not None and self.line_count - self._kernel_count > self._entered

    @property
    def interrupted(self) -> bool:
        """Whether a kernel line was removed behind the open line, which may thus be a finished line."""
        return self._text.interrupted

    @property
    def _may_be_finished(self) -> bool:
        return self.interrupted and not self.follows_enter

    def mark(self) -> Mark:
        """Return a mark of this moment: the current open line does not count as new."""
        return Mark(self.line_count, self.open_line, self._text.cursor_jumps, self._kernel_count)

    def mark_before_open_line(self) -> Mark:
        """Return a mark of the end of the last line: the current open line, however drawn, counts as new."""
        return Mark(self.line_count, kernel_lines=self._kernel_count)

    def since(self, mark: Mark) -> tuple[list[str], str]:
        """Return the lines finished since `mark` (at most the last 200) and the open line.

        The open line is returned empty if it is still the one at `mark`: while a distant endpoint takes its
        time to answer, the previous prompt must not be taken for the next one.

        An interrupted line counts as finished, unless it started after we pressed Enter: anybody who can print on the
        console can print a line that ends like a kernel line.
        """
        count = min(self.line_count - mark.lines, len(self._lines))
        lines = list(self._lines)[len(self._lines) - count :]
        if self.open_line == mark.open_line and not self.count_lines_since(mark):
            return lines, ""
        if self._may_be_finished:
            return [*lines, self.open_line], ""
        return lines, self.open_line

    def count_lines_since(self, mark: Mark) -> int:
        """Return how many lines were finished since `mark`, not counting kernel messages."""
        return self.line_count - mark.lines - (self._kernel_count - mark.kernel_lines)

    def jumped_since(self, mark: Mark) -> bool:
        """Whether a program moved the cursor to another row since `mark`, as full-screen programs do."""
        return self._text.cursor_jumps > mark.cursor_jumps

    def restore_open_line(self, mark: Mark) -> None:
        """Make the open line what it was at `mark`, to discard a meaningless echo."""
        self.replace_open_line(mark.open_line)

    def replace_open_line(self, text: str) -> None:
        """Make the open line `text`; for where the drawing of a line editor was misread."""
        interrupted = self.interrupted
        self._text.restart(text)
        if interrupted:
            self._text.note_interruption()

    def find(self, patterns: Patterns) -> Match | None:
        """Search the text received since the last match; see `Expecter.find`. A prompt must be open; see `since`."""
        return self._text.find(patterns, with_prompts=not self._may_be_finished)

    def skip(self) -> None:
        """Consume everything received so far: only later text can match."""
        self._text.skip()
