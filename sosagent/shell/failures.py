"""The errors of a verified shell, each with the console's state and last lines and a hint that fits the cause."""

from __future__ import annotations

import re

from ..console.console import Console, Mark
from ..console.restricted import is_refusal, restricted_error
from ..errors import (
    ConsoleError,
    ConsoleStateUnknown,
    EndpointBusy,
    EndpointLost,
    LineDamaged,
    MachineRestarted,
    NotVerified,
)
from ..terminal.endpoint_texts import find_text
from ..terminal.states import Action, State, classify

__all__ = [
    "KEYS_STOP_THE_BOOT",
    "at_login",
    "at_prompt",
    "gone",
    "lacks_cksum",
    "no_receiver",
    "not_ended",
    "not_run",
    "not_started",
    "unknown_result",
]

_NO_ANSWER = "No damage was seen on the line. The lines above are the last that came from the machine."
_CLOSES = "The dead-man's switch closes our shell 30 s after the time limit, or 5 minutes later if the job asked you."
_MAY_HAVE_RUN = "The program may have run. Find out what it did before you run it again."
#: As shells report it: "cksum: not found", "command not found: cksum", "can't execute 'cksum': No such file".
_NO_CKSUM = re.compile(r"\bcksum\b.*: \S|: cksum$")
_TYPED = (")", "]")  # lines of requests start with these; a tty that is not raw echoes them
_AT_LOGIN = (Action.LOG_IN, Action.MAINTAIN, Action.PRESS, Action.ACTIVATE)
#: Console states in which any key stops the boot.
KEYS_STOP_THE_BOOT = ("boot-menu",)
#: A machine that shuts down or boots prints these. So does a program that shows its log.
_RESTARTED = re.compile(
    r"reboot: |Linux version \d|Kernel panic - not syncing|systemd-shutdown|^\[ *(?:OK|FAILED) *\] |GNU GRUB +version"
)


def not_started(console: Console) -> ConsoleStateUnknown:
    """Return the error for a shell that did not answer the start line."""
    if is_refusal(console.tail(4)):
        return restricted_error(console)
    return console.error(
        ConsoleStateUnknown,
        "the shell did not start a /bin/sh",
        hint="The lines above are what it answered." if console.tail(1) else "It answered nothing.",
    )


def no_receiver(console: Console) -> ConsoleError:
    """Return the error for a receiver that did not start, however often it was sent."""
    damage = console.damage_report()
    if damage:
        message = "the line damages data: the shell could not be set up, and nothing was changed"
        return console.error(LineDamaged, message, hint=damage)
    message = "the shell that was started does not answer; nothing was changed"
    return console.error(ConsoleStateUnknown, message, hint=f"It answers only to what arrives intact. {_NO_ANSWER}")


def lacks_cksum(console: Console) -> bool:
    """Whether the machine complained that it has no cksum."""
    return any(_NO_CKSUM.search(line) for line in console.tail(4) if not line.startswith(_TYPED))


def not_run(console: Console) -> LineDamaged:
    """Return the error for a program that did not arrive intact, and so did not run."""
    damage = console.damage_report()
    if damage:
        message = "the line damages data: a program did not arrive intact, and was not run"
        return console.error(LineDamaged, message, hint=damage)
    return console.error(LineDamaged, "a program did not arrive, and was not run", hint=_NO_ANSWER)


def unknown_result(console: Console, message: str) -> NotVerified:
    """Return the error for a program that may have run, and whose result is unknown."""
    return console.error(NotVerified, message, hint=console.damage_report() or _MAY_HAVE_RUN)


def not_ended(console: Console) -> ConsoleStateUnknown:
    """Return the error for a shell that did not confirm that it has ended."""
    return console.error(
        ConsoleStateUnknown,
        "the shell on the machine did not confirm that it has ended",
        hint="Its dead-man's switch closes it at the end of its time limit.",
    )


def gone(console: Console, mark: Mark) -> ConsoleError | None:
    """Return the error for a console whose output since `mark` shows that our shell is out of reach; None otherwise.

    Returns:
        EndpointBusy: another session has taken over the console.
        EndpointLost: the endpoint no longer provides the console.
        MachineRestarted: the machine seems to be down, to boot, or to be back at its login prompt. Another program
            may have printed that, so it counts only if our shell does not answer.
    """
    lines, open_line = console.since(mark)
    lines = [line for line in lines if not line.startswith(_TYPED)]
    endpoint = classify(lines, "", connecting=True).state
    if endpoint.action in (Action.BUSY, Action.CLOSED):
        return _endpoint_gone(console, endpoint)
    machine = classify(lines, open_line).state
    if machine.action in _AT_LOGIN or any(map(_RESTARTED.search, lines)):
        console.note_state(machine.name)
        message = f"the machine went away during the job; the console shows {machine.title}"
        booted = "Run the command again: it is back at its login prompt." if machine.action is Action.LOG_IN else None
        return console.error(MachineRestarted, message, booted)
    return None


def _endpoint_gone(console: Console, state: State) -> ConsoleError:
    console.note_state(state.name)
    found = find_text(console.tail())
    reason, hint = (console.tail(1)[0], "") if found is None else (found[1], found[0].hint)
    if state.action is Action.CLOSED:
        return console.error(
            EndpointLost, f"the endpoint closed the console during the job: {reason}", f"{hint} {_CLOSES}"
        )
    message = f"another session took over the console during the job: {reason}"
    return console.error(EndpointBusy, message, f"{_CLOSES} Run again when the console is free.")


def at_login(console: Console, mark: Mark) -> bool:
    """Whether the output since `mark` ends at a prompt of a login or of maintenance mode."""
    lines, open_line = console.since(mark)
    return classify(lines, open_line).state.action in _AT_LOGIN


def at_prompt(console: Console, mark: Mark) -> bool:
    """Whether the output since `mark` ends at a prompt of a login or a shell: then our shell has ended."""
    lines, open_line = console.since(mark)
    return classify(lines, open_line).state.action in (Action.LOG_IN, Action.PROBE)
