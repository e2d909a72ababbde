"""Find out with ^L what reads a silent line: shells, pagers and editors redraw, and nothing changes.

A blind ^U or Enter would delete text in an editor, move a pager, or answer a question.
"""

from __future__ import annotations

import re

from ..console.console import Console, Mark
from ..console.events import Event
from ..console.line_clock import QUIET_SECONDS
from ..errors import ConsoleStateUnknown
from ..terminal.kernel import without_kernel_lines
from ..terminal.states import BY_NAME, ECHOING, READING, SILENT, UNKNOWN, Observation
from .listen import LISTEN_AT_MOST
from .observe import conclude, observe, settle

__all__ = ["clears_screen", "erase", "line_editor_redrew", "redraw"]

_REDRAW_SECONDS = 1.0  # a distant endpoint may take this long to answer
_ECHO_PAUSES = (0.05, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
_KEY_SECONDS = 0.06
_BYTE_SECONDS, _FEW = 0.1, 4  # for the next byte, where so few arrived: the line may be slow
_COLLECT_LIMIT = 64 * 1024
_REDRAWN_BYTES = 300

_EDITOR_INSERT, _BOOTING = (BY_NAME[name] for name in ("editor-insert", "booting"))
#: The echo of ^L by a tty; once for each ^L typed.
_ECHOED = re.compile(r"(?:\^L)+")
_TTY_ECHO = re.compile(rb"(?:\^L)+")
#: Nothing but echoes: a tty's, or the character itself, as getty echoes it.
_ONLY_ECHO = re.compile(rb"(?:\^L|\x0c)*")
#: A boot loader's answer to a key during its countdown, and the keys that start what the countdown would have started.
#: GRUB clears the line of the countdown; U-Boot ends the countdown with a 0 and shows its prompt.
_COUNTDOWNS = (
    (re.compile(rb"(?:\x1b\[\d+;\d+H {40,})+\x1b\[\d+;\d+H"), "\r"),
    (re.compile(rb"\x08{1,40} 0 \r{0,3}\n\S{0,80}[>#] "), "boot\r"),
)
#: readline turns bracketed paste on when it starts to read: an echo before that came from the tty.
_READLINE_STARTS = b"\x1b[?2004h"
#: How a line editor starts to redraw its prompt.
_CLEARED = re.compile(rb"\x1b\[H(?:\x1b\[[0-2]?J)+")


async def redraw(console: Console) -> Observation:
    """Type ^L, and conclude from the answer what reads the line.

    ``^L`` is the echo of a tty whose reader takes whole lines. It may also be the echo of the endpoint's own pty,
    whose program has not set raw mode yet: such a pty would act on our ^U itself and pass on only the Enter. So an
    echo is believed only after 3.2 s of retries. No key that erases is typed meanwhile, since an editor might get it.
    Then our ^L is taken back, so that it is no part of the line that somebody's program reads.

    Returns:
        SILENT if nothing answers, ECHOING if the character itself comes back, READING if a tty echoes it; else the
        state that the redrawn screen shows.
    """
    before, typed = console.mark(), 1
    raw, mark = await _answer(console)
    for pause in _ECHO_PAUSES:
        if not _TTY_ECHO.fullmatch(raw):
            break
        # A pty's program may read late what was typed before it set raw mode.
        late = without_kernel_lines(await console.receive(pause, ignore_kernel=True) or b"")
        if not _ONLY_ECHO.fullmatch(late):
            raw = late + await _collect(console, late)
            break
        if b"\x0c" in late:
            raw = late
            break
        raw, mark = await _answer(console)
        typed += 1
    reads_lines = _TTY_ECHO.fullmatch(raw) is not None
    console.received.note_tty_echo(reads_lines)
    if reads_lines:
        await _take_back(console, before, typed)
    echoed = console.open_line.removeprefix(before.open_line)
    if (
        reads_lines
        or (_ONLY_ECHO.fullmatch(raw) and not console.received.count_lines_since(before))
        or _ECHOED.fullmatch(echoed)
    ):
        # The echoes would stay on the open line, behind kernel lines too.
        console.received.restore_open_line(before)
    if reads_lines:
        return conclude(console, READING)
    if _ONLY_ECHO.fullmatch(raw):
        return Observation(ECHOING if b"\x0c" in raw else SILENT)
    for stopped, resume in _COUNTDOWNS:
        if stopped.fullmatch(raw):
            console.emit(Event("note", "our key stopped a boot loader's countdown; resuming the boot"))
            await console.send(resume)
            await console.quiet(_KEY_SECONDS, LISTEN_AT_MOST)  # its echo follows a prompt
            return Observation(_BOOTING)
    if b"^L" in raw and b"\x1b" in raw and _READLINE_STARTS not in raw:
        # An editor in insert mode took ^L as text: delete it again.
        await console.send("\x7f" * raw.count(b"^L"))
        await console.quiet(QUIET_SECONDS, LISTEN_AT_MOST)
        return conclude(console, _EDITOR_INSERT)
    observed = await settle(console, _REDRAW_SECONDS, mark=mark)
    if observed.state is SILENT and clears_screen(raw):
        # A line editor drew the same text again, or an empty line: a shell, or anybody's question.
        observed = observe(console, console.mark_before_open_line())
        return conclude(console, UNKNOWN) if observed.state is SILENT else observed
    return observed


async def _take_back(console: Console, before: Mark, count: int) -> None:
    """Erase `count` ^L that a program is about to read as part of a line, but nothing that was typed before."""
    await console.send("\x7f" * count)
    await console.quiet(QUIET_SECONDS, LISTEN_AT_MOST)
    if console.open_line.rstrip() != before.open_line.rstrip():
        # Another key erases there, or the line is damaged: erase the whole line.
        await console.send("\x15")
        await console.quiet(QUIET_SECONDS, LISTEN_AT_MOST)


async def _answer(console: Console) -> tuple[bytes, Mark]:
    """Type ^L; return the answer without kernel lines, and a mark set before it."""
    mark = console.mark()
    await console.send("\x0c")
    raw = without_kernel_lines(await console.receive(_REDRAW_SECONDS, ignore_kernel=True) or b"")
    if raw not in (b"", b"^L", b"\x0c"):
        raw += await _collect(console, raw)
    return raw, mark


async def _collect(console: Console, first: bytes) -> bytes:
    """Return what arrives after the `first` bytes until the line is quiet, without kernel lines."""
    raw, least = b"", _BYTE_SECONDS if len(first) <= _FEW else 0.0
    while len(raw) < _COLLECT_LIMIT:
        data = await console.receive(max(least, console.line.quiet_seconds), ignore_kernel=True)
        if data is None:
            break
        raw += data
    return without_kernel_lines(raw)


def line_editor_redrew(console: Console) -> bool:
    """Return whether a shell's line editor just answered ^L: it clears the screen, whatever its prompt looks like."""
    return clears_screen(console.output)


def clears_screen(output: bytes) -> bool:
    """Return whether the end of `output` clears the screen as line editors do."""
    return _CLEARED.search(output[-_REDRAWN_BYTES:]) is not None


async def erase(console: Console) -> None:
    """Type ^U, so that no unfinished command is run by the next Enter.

    Raises:
        ConsoleStateUnknown: the terminal only echoes it, so Enter would run the text in front of it.
    """
    await console.send("\x15")
    await console.quiet(QUIET_SECONDS, LISTEN_AT_MOST)
    if console.open_line.endswith("^U"):
        raise console.error(
            ConsoleStateUnknown,
            "the terminal does not erase a line at ^U, so Enter could run text that is typed there already",
            hint="If no command is being typed there, press Enter and run `stty sane` on the console; then run again.",
        )
