"""Finding out what is on a console, with as little typing as will do.

Listen first. On a silent line ^L comes next: shells, pagers and editors draw themselves anew and
change nothing (a blind ^U and Enter would take text from an editor and move a pager). Where that
is only echoed, or not even that, ^U erases what cannot be seen, and Enter asks for a prompt.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace

from ..console.console import QUIET, Console, Mark
from ..console.events import Event
from ..endpoint.dialects import PLAIN, dialect_of_prompt
from ..errors import ConsoleError, ConsoleOccupied, ConsoleStateUnknown, EndpointBusy, EndpointLost
from ..terminal.kernel import without_kernel_lines
from ..terminal.states import (
    ECHOING,
    NOTHING,
    READING,
    RUNNING,
    SILENT,
    STATES,
    UNKNOWN,
    Observation,
    Way,
    nearly_login,
)
from .entrance import enter_endpoint
from .watch import WAKE_SECONDS, Watch

__all__ = ["decided", "erase", "find_state", "listen", "redraw", "refuse_other_run", "refuse_typing", "wake"]

_LISTEN = 0.05
_LISTEN_AT_MOST = 2.0
_GREETING_LINES = 15
_LISTEN_SHARED = 1.0  # where others may have the console at the same time, they are let speak first
_OTHER_RUN_SECONDS = 3.0  # a run at work has an answer within
_SHARED_RUN_SECONDS = 15.0  # or, where several may well be at work, with many keys on a slow line
_REDRAW_SECONDS = 1.0  # a far endpoint's answer may take so long
_ECHO_PAUSES = (0.05, 0.05, 0.1, 0.2, 0.4, 0.8)
_WAKES = 3
_WAKES_IN_BOOT = 12
_BOOT_QUIET = 2.0
_FLOW_SECONDS = 8.0
_TYPING_SECONDS = 1.5
_KEY_SECONDS = 0.06
_OURS_SILENT_SECONDS = 27.0  # a collector of ours ends after 25.5 s of silence (shell/start.py)

_EDITOR_INSERT, _BOOTING = (
    next(state for state in STATES if state.name == name) for name in ("editor-insert", "booting")
)
#: What ^L is echoed as by a tty, as often as it was typed; and, besides, as it is, by getty.
_ECHOED = re.compile(r"(?:\^L)+")
_TTY_ECHO, _NO_DRAWING = re.compile(rb"(?:\^L)+"), re.compile(rb"(?:\^L|\x0c)*")
_KERNEL = re.compile(r"\[ *\d+\.\d+\] (?!Linux version)")
_KERNEL_SECONDS = 10.0
_STUCK_SECONDS = 10.0
#: What our first key does to a countdown that did not show yet, and what starts what it would have started:
#: GRUB wipes the countdown's row, U-Boot ends it with a 0 and shows its prompt.
_COUNTDOWNS = (
    (re.compile(rb"(?:\x1b\[\d+;\d+H {40,})+\x1b\[\d+;\d+H"), "\r"),
    (re.compile(rb"\x08+ 0 \r*\n\S*[>#] "), "boot\r"),
)
_SHELL_STARTS = b"\x1b[?2004h"  # readline turns bracketed paste on: what was echoed before was echoed by the tty
_COLLECT_LIMIT = 64 * 1024
#: What a shell of ours answers (shell/remote/receiver.sh).
_OURS = re.compile(r"=(?:R|\d{1,9} \d{0,3} \d{1,10} \d{1,10})$")
#: For who says nothing, and closes at the first key: TLS does so, which gets none of what it waits for.
_SHUT = (
    "It closed at the first key, without a word: it may speak something else, such as TLS "
    "(exec:openssl s_client -quiet -connect HOST:PORT)."
)
_KEYS = re.compile(rb"[ -~]{1,3}")


async def listen(watch: Watch, seconds: float = _LISTEN) -> Observation:
    """What the line shows by itself: until it has been quiet for `seconds`. Nothing is typed."""
    seen, _ = await _listen(watch, seconds)
    return seen


async def _listen(watch: Watch, seconds: float) -> tuple[Observation, bool]:
    """The same, and whether the line was quiet at last."""
    try:
        quiet = await watch.console.quiet(seconds, _LISTEN_AT_MOST)
    except EndpointLost as lost:
        raise _in_its_words(watch, lost) from None
    return watch.observe(watch.console.entered, connecting=True), quiet


def _in_its_words(watch: Watch, lost: EndpointLost) -> ConsoleError:
    """Endpoints say why they close just before they do."""
    seen = watch.observe(watch.console.entered, connecting=True)
    if seen.state.way in (Way.BUSY, Way.CLOSED, Way.RECONNECT):
        return watch.stopped(seen)
    if not watch.console.bytes_received and watch.console.bytes_sent:
        lost.hint = _SHUT
    return lost


async def find_state(watch: Watch, *, take_over: bool = False, ours_left: bool = False) -> Observation:
    """Find out what is on the console.

    Args:
        watch: of a console that was just connected.
        take_over: go on though somebody seems to be typing there.
        ours_left: an earlier run of ours was cut: what it left may be silent for a while, and then ends.

    Raises:
        ConsoleSilent: nothing answers.
        ConsoleOccupied: somebody types there.
        ConsoleError: what the endpoint says stands in the way.
    """
    await enter_endpoint(watch)
    seen = await _find(watch, take_over, ours_left)
    if seen.state.way is Way.START:
        console = watch.console
        found = dialect_of_prompt(console.open_line, console.since(Mark(0))[0][-_GREETING_LINES:])
        # A machine's own prompt may look so: only what stood there before we typed anything is the endpoint's,
        # where that has let us in by a login of its own.
        if console.bytes_sent or not console.transport.logged_in or console.endpoint.dialect is not PLAIN:
            found = None
        if found is None:
            raise watch.stopped(seen)
        console.endpoint.dialect, console.endpoint.inside, console.endpoint.kick = found, False, False
        await enter_endpoint(watch)
        seen = await _find(watch, take_over, ours_left)
    return seen


async def _find(watch: Watch, take_over: bool, ours_left: bool) -> Observation:
    console = watch.console
    console.tell(Event("start", "look at the console"))
    try:
        seen, quiet = await _listen(watch, _LISTEN_SHARED if console.endpoint.dialect.shared else _LISTEN)
        if any(map(_OURS.match, console.since(console.entered)[0])):
            await refuse_other_run(watch)
        if seen.state is SILENT and not quiet:
            seen = await _after_flow(watch)
        if seen.state is UNKNOWN:
            if not take_over:
                await refuse_typing(watch)
            # It may be the half of what is being said.
            seen = await watch.settle(_FLOW_SECONDS, mark=console.entered)
        if seen.state.name == "full-screen":
            # It may be an editor in insert mode, which would take ^Z for text.
            redrawn = await redraw(watch)
            seen = seen if redrawn.state in (*NOTHING, READING, UNKNOWN) else redrawn
        if seen.state in (SILENT, UNKNOWN):
            if seen.state is SILENT:
                seen = await redraw(watch)
            if seen.state is UNKNOWN:
                seen = await _erase(watch, take_over)
        if seen.state in NOTHING or seen.state.way is Way.WAIT:
            seen = await wake(watch, seen, ours_left)
    except EndpointLost as lost:
        raise _in_its_words(watch, lost) from None
    if seen.state.way in (Way.SUSPEND, Way.LEAVE_INSERT) and not take_over:
        await refuse_typing(watch)
    return seen


async def refuse_other_run(watch: Watch) -> None:
    """Stop if a shell of ours says something by itself: whoever asked it is at work still, over the same console.

    Raises:
        EndpointBusy: so it is.
    """
    console, loop = watch.console, asyncio.get_running_loop()
    seconds = _SHARED_RUN_SECONDS if console.endpoint.dialect.shared else _OTHER_RUN_SECONDS
    mark, end = console.mark(), loop.time() + seconds
    while not any(map(_OURS.match, console.since(mark)[0])):
        if loop.time() >= end:
            return
        await console.receive(max(end - loop.time(), 0))
    raise watch.failed(
        EndpointBusy,
        "another run of sosagent is at work on this console; nothing was typed between",
        hint="Wait until it ends: it does at its time limit, at the latest.",
    )


async def _flows(watch: Watch) -> bool:
    return not await watch.console.quiet(0.5, _LISTEN_AT_MOST)


async def _after_flow(watch: Watch) -> Observation:
    """Lines come by themselves, and no row knows them: a program prints, if it goes on like that."""
    seen = await watch.settle(_FLOW_SECONDS, mark=watch.console.mark())
    return Observation(RUNNING) if seen.state is SILENT and await _flows(watch) else seen


async def redraw(watch: Watch) -> Observation:
    """Let whatever is there draw itself anew. SILENT if nothing does, ECHOING if it was only echoed as it is.

    ``^L`` is the echo of a tty whose reader takes whole lines. It may be the endpoint's own pty,
    whose program has not made it raw yet; that would take our ^U for itself, and hand on the Enter
    alone. So it is tried for a while. getty echoes the character as it is.
    """
    console = watch.console
    before = console.mark()
    raw, mark = await _answer_to_redraw(console)
    for pause in _ECHO_PAUSES:
        if not _TTY_ECHO.fullmatch(raw):
            break
        # Nothing is erased meanwhile: it could be text in an editor that gets it. What the pty's program had
        # not read before it made it raw, it reads then.
        late = without_kernel_lines(await console.hear(pause) or b"")
        if not _NO_DRAWING.fullmatch(late):
            raw = late + await _collect(console, QUIET)
            break
        if b"\x0c" in late:
            raw = late
            break
        raw, mark = await _answer_to_redraw(console)
    echoed = console.open_line.removeprefix(before.open_line)
    if (_NO_DRAWING.fullmatch(raw) and not console.spoken(before)) or _ECHOED.fullmatch(echoed):
        console.restore(before)  # without the echoes, which would stand behind a kernel's lines too
    if _TTY_ECHO.fullmatch(raw):
        # Nobody can see what it asks; an Enter might answer that.
        console.state = READING.name
        return Observation(READING)
    if _NO_DRAWING.fullmatch(raw):
        return Observation(ECHOING if b"\x0c" in raw else SILENT)
    for stopped, starts in _COUNTDOWNS:
        if stopped.fullmatch(raw):
            console.tell(Event("note", "a boot loader's countdown, which a key of ours stopped, is gone on with"))
            await console.send(starts)
            await console.quiet(_KEY_SECONDS, _LISTEN_AT_MOST)  # its echo stands behind a prompt
            return Observation(_BOOTING)
    if b"^L" in raw and b"\x1b" in raw and _SHELL_STARTS not in raw:
        # What asked it to draw itself anew stands in its text now: take that out again.
        await console.send("\x7f" * raw.count(b"^L"))
        await console.quiet(QUIET, _LISTEN_AT_MOST)
        console.state = _EDITOR_INSERT.name
        return Observation(_EDITOR_INSERT)
    return await watch.settle(_REDRAW_SECONDS, mark=mark)


async def _answer_to_redraw(console: Console) -> tuple[bytes, Mark]:
    mark = console.mark()
    await console.send("\x0c")
    raw = without_kernel_lines(await console.hear(_REDRAW_SECONDS) or b"")
    if raw not in (b"", b"^L", b"\x0c"):
        raw += await _collect(console, QUIET)
    return raw, mark


async def _collect(console: Console, seconds: float) -> bytes:
    """What comes until the line has been quiet for `seconds`."""
    raw = b""
    while (data := await console.hear(seconds)) is not None and len(raw) < _COLLECT_LIMIT:
        raw += data
    return without_kernel_lines(raw)


async def _erase(watch: Watch, take_over: bool) -> Observation:
    """Text that no row knows stands on the open line. If ^U makes it a prompt, it was a half-typed command."""
    console = watch.console
    if not take_over:
        await refuse_typing(watch)
    before = console.open_line
    await erase(watch)
    seen = watch.observe(console.mark_of_lines())
    prompt = console.open_line.rstrip()
    if seen.state in (SILENT, UNKNOWN) or not before.startswith(prompt):
        return Observation(UNKNOWN)
    console.tell(Event("note", "a half-typed command was erased"))
    return seen


async def erase(watch: Watch) -> None:
    """^U: what somebody typed half is erased, so that it is not run.

    Raises:
        ConsoleStateUnknown: it only stands there now; Enter would run what is before it.
    """
    await watch.console.send("\x15")
    await watch.console.quiet(QUIET, _LISTEN_AT_MOST)
    if watch.console.open_line.endswith("^U"):
        raise watch.failed(
            ConsoleStateUnknown,
            "the console's terminal does not erase a line at ^U, so what somebody typed there half would be run",
            hint="Press Enter there by hand if nothing is typed, and `stty sane`; then run again.",
        )


async def wake(watch: Watch, seen: Observation | None = None, ours_left: bool = False) -> Observation:
    """^U and Enter, until something shows; where the machine boots (`seen`), not before it is done."""
    console = watch.console
    wakes, woken = _WAKES, 0
    seen = seen or watch.observe(console.entered)
    while woken < wakes:
        if seen.state.way is Way.WAIT:
            wakes = _WAKES_IN_BOOT
            seen = await _until_quiet(watch, seen)
            if decided(seen) or seen.state is UNKNOWN:
                return seen
        mark = console.mark()
        # A half-typed command that cannot be seen is erased, not run.
        await console.send("\x15\r")
        seen = await watch.settle(WAKE_SECONDS, mark=mark)
        damaged = seen.state is UNKNOWN and nearly_login(console.open_line)
        if decided(seen) or (seen.state is UNKNOWN and not damaged):
            return seen
        woken += damaged
        if seen.state is SILENT:
            woken += 1
            if console.spoken(mark) and wakes == _WAKES:
                return await _echoed_only(watch, mark)
            if ours_left:  # within a minute
                seen = await watch.settle(_OURS_SILENT_SECONDS, mark=mark)
                ours_left = False
                if seen.state is not SILENT:
                    return seen
    if console.line_count == 0 and not console.open_line:
        raise watch.silent("the console is connected, but nothing answers on it")
    raise watch.silent("the console does not answer Enter with any prompt")


async def _echoed_only(watch: Watch, mark: Mark) -> Observation:
    """Enter was echoed, and no prompt came: a program is at work there, or a login takes its time to refuse."""
    seen = await watch.settle(WAKE_SECONDS / 2, mark=mark)
    if seen.state is not SILENT:
        return seen
    watch.console.state = RUNNING.name
    return Observation(RUNNING)


async def _until_quiet(watch: Watch, seen: Observation) -> Observation:
    """Let a boot go on until nothing comes for a while, or something to act on does; show its last line."""
    console = watch.console
    loop = asyncio.get_running_loop()
    since = stuck_since = loop.time()
    stuck = ""
    if _only_the_kernel(console):
        # Does it boot, or has the machine been up for long? Before there is a getty or a shell, nobody answers.
        answer = await redraw(watch)
        if answer.state is ECHOING or (decided(answer) and answer.state is not READING):
            return answer
        await erase(watch)  # so that it does not stand in the answer to a question that comes later
    while True:
        console.tell(Event("start", f"{seen.state.title}: {(console.tail(1) or ('',))[0]}"))
        mark = replace(console.mark(), open_line="")
        again = await watch.settle(_BOOT_QUIET, mark=mark)
        if again.state is SILENT and console.line_count == mark.lines and seen.state.name != "boot-menu":
            return seen
        if decided(again):
            return again
        if again.state is not UNKNOWN or console.open_line != stuck:
            stuck, stuck_since = console.open_line, loop.time()
        elif loop.time() - stuck_since > _STUCK_SECONDS:
            return again
        if loop.time() - since > _KERNEL_SECONDS and _only_the_kernel(console):
            return seen
        seen = again if again.state.way is Way.WAIT else seen


def _only_the_kernel(console: Console) -> bool:
    """Whether its lines are all that shows, and not those of its start."""
    return all(map(_KERNEL.match, console.tail()))


async def refuse_typing(watch: Watch) -> None:
    """Stop if somebody types: single characters come, one by one, that nobody asked for.

    Raises:
        ConsoleOccupied: so it is.
    """
    console = watch.console
    loop = asyncio.get_running_loop()
    last = loop.time()
    end, keys = last + _TYPING_SECONDS, 0
    while (left := end - loop.time()) > 0:
        before = console.open_line
        data = await console.receive(left)
        pause, last = loop.time() - last, loop.time()
        # A machine's own output may come in small pieces too, but not at a person's pace.
        if data is None:
            continue
        if not _KEYS.fullmatch(data) or console.open_line != before + data.decode("ascii"):
            return
        keys += pause > _KEY_SECONDS
    if keys >= 2:
        raise watch.failed(
            ConsoleOccupied,
            "somebody is typing on the console; nothing was typed between",
            hint="Ask who is at work there. --take-over goes on all the same.",
        )


def decided(seen: Observation) -> bool:
    """Whether `seen` is a state of the table that something leads out of, or that is to be told."""
    return seen.state not in (*NOTHING, UNKNOWN) and seen.state.way is not Way.WAIT
