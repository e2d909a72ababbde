"""Show what a command does: on a terminal, in a pipe, and in a log file.

All text passes through `printable` before it is printed, and rich never interprets it as markup.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..printable import printable
from .background import do_in_background, say, wait_for_output
from .log_file import LogFile

if TYPE_CHECKING:
    from rich.console import Console as Screen
    from rich.progress import Progress as Bar
    from rich.status import Status

    from ..console.events import Event

__all__ = ["Progress"]

_LEAST_SECONDS = 0.1  # shorter steps are not named as the longest
_TRAFFIC = 500
#: The marks of lines, for terminals whose character set lacks them.
_ASCII = {"✓": "+", "✗": "!", "·": "-"}


class Progress:
    """Prints each step when it ends, with its duration in seconds; a spinner shows the running step.

    Durations leave out the time in which the user answers a question (`paused`).

    Args:
        quiet: print notes only.
        verbose: 1 prints details as well, 2 also the lines that are sent and received.
        log_file: gets all of that, whatever is printed.

    Raises:
        UsageError: the log file cannot be written.
    """

    def __init__(self, *, quiet: bool = False, verbose: int = 0, log_file: Path | None = None) -> None:
        self._quiet = quiet
        self._verbose = int(verbose)
        self._started = self._since = time.monotonic()
        self._paused = 0.0
        self._pauses = 0
        self._closed = False
        self._active = False
        self._longest: tuple[float, str] = (_LEAST_SECONDS, "")
        self._screen: Screen | None = None
        self._status: Status | None = None
        self._bar: Bar | None = None
        if sys.stderr.isatty() and not quiet:
            from rich.console import Console as Screen

            self._screen = Screen(stderr=True, highlight=False, markup=False, emoji=False)
        self._ascii = not _has_marks(sys.stderr.encoding)
        self._log = None if log_file is None else LogFile(log_file, self.note)

    def __call__(self, event: Event) -> None:
        text = printable(event.text)
        self._active = True
        if event.kind == "start":
            self.log("…", text)
            do_in_background(lambda: self._spin(text))
        elif event.kind in ("done", "failed"):
            self._step(text, failed=event.kind == "failed")
        elif event.kind == "note":
            self.note(text)
        else:
            self.detail(text)

    def _step(self, text: str, *, failed: bool) -> None:
        now = time.monotonic()
        seconds, self._since = now - self._since, now
        self._longest = max(self._longest, (seconds, text))
        line = f"{text:<60} {seconds:6.2f} s"
        mark, in_pipe, style = ("✗", "!", "red") if failed else ("✓", " ", "green")
        self.log(mark, line)
        do_in_background(self._clear)
        if not self._quiet:
            self._line(mark if self._screen else in_pipe, line, style)

    def note(self, text: str) -> None:
        """Print something that the user should know, even if `quiet`."""
        self.log("!", text)
        self._line("!", printable(text), "yellow")

    def detail(self, text: str) -> None:
        """Print something that ``-v`` shows, with the seconds since the start."""
        self.log("·", text)
        if self._verbose:
            self._line("·", f"{self.seconds:.2f} s: {printable(text)}", "dim")

    def traffic(self, direction: str, text: str) -> None:
        """Print a line that was sent (``>``) or received (``<``), which ``-vv`` shows. It contains no secrets."""
        self.log(direction, text)
        if self._verbose > 1:
            self._line(direction, printable(text, _TRAFFIC), "dim")

    @property
    def wants_traffic(self) -> bool:
        """Whether `traffic` shows or logs anything."""
        return self._verbose > 1 or self._log is not None

    def log(self, mark: str, text: str) -> None:
        """Write a line to the log file only."""
        if self._log is not None:
            self._log.write(mark, text)

    @property
    def seconds(self) -> float:
        """How long the command has run, without the time in which the user answered questions."""
        return max(time.monotonic() - self._started - self._paused, 0.0)

    @property
    def paused_seconds(self) -> float:
        """How long the user took to answer questions so far."""
        return self._paused

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Remove the spinner, and count no time, while the user answers a question."""
        self.stop()
        started = time.monotonic()
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:  # a question within another one counts once
                waited = time.monotonic() - started
                self._paused += waited
                self._since += waited

    def count(self, done: int, total: int) -> None:
        """Show on a progress bar that `done` of `total` bytes are transferred; on a terminal only."""
        if self._screen is not None:
            do_in_background(lambda: self._advance(done, total))

    def stop(self) -> None:
        """Remove the spinner or the bar, and wait for 2 s at most until everything is printed."""
        do_in_background(self._clear)
        wait_for_output()

    def close(self, *, failed: bool = False) -> None:
        """Print how long the command took, unless `quiet`, and end the log. A second call has no effect."""
        if self._closed:
            return
        self._closed = True
        seconds, name = self._longest
        longest = f", of which {seconds:.2f} s: {name}" if name and seconds < self.seconds else ""
        line = f"{'failed after' if failed else 'done in'} {self.seconds:.2f} s{longest}"
        self.log("=", line)
        if self._verbose or (self._active and not self._quiet):
            self._line("=" if self._screen else " ", line, "dim")
        self.stop()
        if self._log is not None:
            self._log.close()

    # The following methods run in the background.

    def _advance(self, done: int, total: int) -> None:
        assert self._screen is not None
        if self._bar is None:
            self._clear()
            self._bar = self._new_bar(self._screen)
            self._bar.add_task("", total=total, completed=done)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], total=total, completed=done)
        if done >= total:
            self._clear()

    @staticmethod
    def _new_bar(screen: Screen) -> Bar:
        from rich import progress

        columns = (progress.BarColumn(), progress.DownloadColumn(), progress.TransferSpeedColumn())
        return progress.Progress(*columns, progress.TimeRemainingColumn(), console=screen, transient=True)

    def _clear(self) -> None:
        lives, self._status, self._bar = (self._status, self._bar), None, None
        for live in lives:
            if live is not None:
                live.stop()

    def _spin(self, text: str) -> None:
        self._clear()
        if self._screen is not None:
            from rich.text import Text

            self._status = self._screen.status(Text(text), spinner="line" if self._ascii else "dots")
            self._status.start()

    def _line(self, mark: str, text: str, style: str) -> None:
        screen = self._screen
        mark = _ASCII.get(mark, mark) if self._ascii else mark
        if screen is None:
            say(f"{mark} {text}".rstrip())
            return
        from rich.text import Text

        do_in_background(lambda: screen.print(Text.assemble((mark, style), " ", text), soft_wrap=True))


def _has_marks(encoding: str | None) -> bool:
    try:
        "".join(_ASCII).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
