"""The errors of a verified shell, each with the console's state and last lines and a hint that fits the cause."""

from __future__ import annotations

import re

from ..console.console import Console, Mark
from ..errors import ConsoleError, ConsoleStateUnknown, EndpointBusy, LineDamaged, MachineRestarted, NotVerified
from ..terminal.states import Action, classify

__all__ = ["at_prompt", "no_receiver", "not_ended", "not_run", "not_started", "raise_if_gone", "unknown_result"]

_NO_ANSWER = "No damage was seen on the line. The lines above are the last that came from the machine."
_MAY_HAVE_RUN = "The program may have run. Find out what it did before you run it again."
#: Only a machine that shuts down or boots prints these.
_RESTARTED = re.compile(
    r"reboot: |Linux version \d|Kernel panic - not syncing|systemd-shutdown|^\[ *(?:OK|FAILED) *\] |GNU GRUB +version"
)


def not_started(console: Console) -> ConsoleStateUnknown:
    """Return the error for a shell that did not answer the start line."""
    return console.error(
        ConsoleStateUnknown,
        "the shell did not start a /bin/sh",
        hint="The lines above are what it answered." if console.tail(1) else "It answered nothing.",
    )


def no_receiver(console: Console) -> ConsoleError:
    """Return the error for a receiver that did not start, however often it was sent."""
    if any("cksum" in line and "SOS" not in line for line in console.tail(4)):
        return console.error(
            ConsoleStateUnknown,
            "this machine has no cksum, so nothing sent to it can be verified",
            hint="Nothing was changed. Install coreutils there, or a BusyBox with cksum.",
        )
    damage = console.damage_report()
    if damage:
        message = "the line damages data: the shell could not be set up, and nothing was changed"
        return console.error(LineDamaged, message, hint=damage)
    message = "the shell that was started does not answer; nothing was changed"
    return console.error(ConsoleStateUnknown, message, hint=f"It answers only to what arrives intact. {_NO_ANSWER}")


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


def raise_if_gone(console: Console, mark: Mark) -> None:
    """Raise an error if the output since `mark` shows that our shell is out of reach.

    Raises:
        EndpointBusy: another session has taken over the console.
        MachineRestarted: the machine is down, boots, or is back at its login prompt.
    """
    lines, open_line = console.since(mark)
    endpoint = classify(lines, "", connecting=True).state
    if endpoint.action in (Action.BUSY, Action.CLOSED):
        console.note_state(endpoint.name)
        raise console.error(
            EndpointBusy,
            f"another session took over the console during the job: {console.tail(1)[0]}",
            hint="The dead-man's switch closes our shell within the time limit and 30 s. "
            "Run again when the console is free.",
        )
    machine = classify(lines, open_line).state
    if machine.action in (Action.LOG_IN, Action.MAINTAIN, Action.PRESS) or any(map(_RESTARTED.search, lines)):
        console.note_state(machine.name)
        message = f"the machine went away during the job; the console shows {machine.title}"
        booted = "Run the command again: it is back at its login prompt." if machine.action is Action.LOG_IN else None
        raise console.error(MachineRestarted, message, booted)


def at_prompt(console: Console, mark: Mark) -> bool:
    """Whether the output since `mark` ends at a prompt of a login or a shell: then our shell has ended."""
    lines, open_line = console.since(mark)
    return classify(lines, open_line).state.action in (Action.LOG_IN, Action.PROBE)
