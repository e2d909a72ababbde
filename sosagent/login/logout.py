"""End the shell of a login, whatever its prompt, aliases, echo and line editing are."""

from __future__ import annotations

import re

from ..console.console import Console
from ..terminal.states import NOTHING, UNKNOWN, Action, Observation
from .attempt import Attempt
from .observe import WAKE_SECONDS, settle

__all__ = ["end_at_login_prompt", "log_out", "may_be_program"]

_FIRST_SECONDS = 4.0  # for a logout and the next getty
_NEXT_SECONDS = 2.5
_LAST_SECONDS = 2.0  # for the prompt after the last of them
_PAUSE = 0.1  # between ^C, which discards what follows too soon, and the next key
_DRAIN_SECONDS = 5.0
_MORE_SECONDS = 1.0
_UNTIL = (Action.LOG_IN, Action.PROBE)

#: Keys that end a shell, one after the other; the echo is not compared, since not every shell has one. Each works
#: where those before it do not: an alias does not replace a quoted word; an end of file needs an empty line;
#: a function does not replace a builtin; and no shell but fish survives its own kill.
_SHELL_ENDINGS = (
    ("\x15", "\\exit\r"),
    ("\x04",),
    ("\x03", "\x15builtin exit\r"),
    ("\x03", "\x15kill -9 $$\r"),
)
#: A killed shell does not write its history.
_KILL = ("\x15kill -9 $$\r",)
#: The same for text that may be another program's, such as a menu: no letter and no Enter is typed there. ^C comes
#: first, because the end of its input may be an answer.
_PROGRAM_ENDINGS = (("\x03",), ("\x1c",), ("\x04",), ("\x03", "\x04"))
#: A shell's answer to an end of file that it ignores: in any language, it quotes the command to use. bash, on a login
#: that ends, prints the word alone.
_IGNORES_END = re.compile(r"(?i)\buse (?:exit|logout)\b|[^\w\s]\s?\b(?:exit|logout)\b\s?[^\w\s:]")


async def log_out(attempt: Attempt, observed: Observation | None = None) -> Observation:
    """End the shell or program that our login opened; return the state that this leads to.

    Args:
        attempt: a login whose shell may be open.
        observed: the console's state, if it is known.
    """
    endings: tuple[tuple[str, ...], ...] = _SHELL_ENDINGS
    if attempt.program or may_be_program(observed):
        endings = _PROGRAM_ENDINGS
    elif attempt.has_lines:
        endings = (_KILL, *_SHELL_ENDINGS)
    waits = [_FIRST_SECONDS, *[_NEXT_SECONDS] * (len(endings) - 1)]
    left = attempt.console.time_left()
    share = 1.0 if left is None else min(1.0, left / (sum(waits) + _LAST_SECONDS))
    after = Observation(UNKNOWN)
    if attempt.console.typer.unfinished:
        # ^U would make the terminal erase a long line character by character, which takes long on a slow line.
        endings = (("\x03", *endings[0][1:]), *endings[1:])
    for keys, seconds in zip(endings, waits, strict=True):
        if attempt.console.endpoint.intercepted("".join(keys).encode()):
            continue
        after = await _press(attempt.console, keys, seconds * share)
        if after.state.action is Action.LOG_IN:
            return after
    if attempt.program and after.state.action is Action.PROBE and not attempt.console.received.just_jumped:
        attempt.shell_answered(like_login=False)  # the shell behind the program
        return await log_out(attempt)
    return after


def may_be_program(observed: Observation | None) -> bool:
    """Return whether a program other than a shell may be on the console, so that no letter and no Enter is typed."""
    if observed is None or observed.state in NOTHING:
        return False
    return observed.state is UNKNOWN or observed.state.action is Action.STOP


async def _press(console: Console, keys: tuple[str, ...], seconds: float) -> Observation:
    """Send `keys` with pauses, and wait for a login prompt, or for the prompt of a shell that is still open."""
    mark = console.mark()
    for portion in keys[:-1]:
        await console.send(portion)
        await console.quiet(_PAUSE, _DRAIN_SECONDS)
    mark = console.mark()
    await console.send(keys[-1])
    observed = await settle(console, seconds, mark=mark, until=_UNTIL)
    while observed.state.action not in _UNTIL and await console.receive(_PAUSE) is not None:
        # A slow line still carries the answer.
        observed = await settle(console, _MORE_SECONDS, mark=mark, until=_UNTIL)
    return observed


async def end_at_login_prompt(attempt: Attempt) -> Observation:
    """End a shell whose own prompt may look like a login prompt, by an end of file; return the next state.

    At a real login prompt that only starts the next getty. A shell may ignore it, but says so.
    """
    console = attempt.console
    observed, ignored = await _end_of_file(console)
    for keys in _SHELL_ENDINGS:
        if not ignored:
            return observed
        await _press(console, keys, _NEXT_SECONDS)
        observed, ignored = await _end_of_file(console)
    return Observation(UNKNOWN) if ignored else observed


async def _end_of_file(console: Console) -> tuple[Observation, bool]:
    """Type ^D; return the next state, and whether a shell ignored it."""
    mark = console.mark()
    await console.send("\x04")
    observed = await settle(console, WAKE_SECONDS, mark=mark, until=_UNTIL)
    return observed, any(map(_IGNORES_END.search, console.since(mark)[0]))
