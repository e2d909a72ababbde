"""Logging in: at the login prompt, in maintenance, and on to root by sudo or su."""

from __future__ import annotations

import asyncio
import secrets

from ..console.console import Mark
from ..console.events import Event
from ..errors import ConsoleOccupied, ConsoleStateUnknown
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.states import READING, SILENT, UNKNOWN, Observation, Way
from .detect import decided
from .dialogue import PASSWORD_PROMPTS, answer, drew_anew, outcome, probe, refused
from .initramfs import in_initramfs, open_root
from .visit import Layer, Stage, Visit
from .watch import LOGIN_SECONDS, WAKE_SECONDS

__all__ = ["become", "log_in", "maintain", "press_enter"]

_NAME_TRIES = 5


async def log_in(visit: Visit, seen: Observation, password: Secret) -> Observation | None:
    """At a login prompt: our name, the password where it asks for one, and on to root if that is wanted."""
    visit.check_host(seen.hostname)
    console, watch = visit.console, visit.watch
    console.tell(Event("start", f"log in as {printable(visit.entry.login)}"))
    # getty throws away what was typed before it was ready, so the name's echo is compared.
    # The name is short, so it is the prompt's damage rather than the pace that makes it fail; Enter brings another.
    await console.type_line(visit.entry.login, tries=_NAME_TRIES, fresh="\r")
    if b"\x0c" in console.output.rpartition(b"\n")[2]:
        # A ^L of ours came when getty had just begun to read: it stands at the begin of the name.
        await console.send("\x15")
        await console.quiet(0.2, 2.0)
        await console.type_line(visit.entry.login, tries=_NAME_TRIES, fresh="\r")
    mark = console.mark()
    visit.stage = Stage.NAMED
    await console.send("\r")
    seen = await watch.settle(WAKE_SECONDS, mark=mark)
    if seen.state is SILENT:
        if not console.spoken(mark):
            await console.send("\r")  # it was lost
        seen = await watch.settle(LOGIN_SECONDS, mark=mark)
    if seen.state.name == "password":
        visit.stage = Stage.TRIED
        visit.record.remember(is_open=False)
        sent = await answer(visit, password, mark)
        if sent is None:
            visit.stage = Stage.NAMED
            seen = watch.observe(console.mark_of_lines())
        else:
            seen = await outcome(visit, mark := sent)
    if seen.state.way is Way.LOG_IN:
        raise refused(visit, mark)
    while visit.stage is Stage.TRIED and seen.state.name == "pager":
        # The message of the day, in a pager: ours to quit.
        seen = await watch.press("q", WAKE_SECONDS)
    odd = seen.state in (UNKNOWN, READING) and visit.stage is Stage.TRIED
    if odd and not drew_anew(console):
        # No shell's line editor answered ^L. Nothing that we know how to leave.
        visit.stage = Stage.OUTSIDE
        raise visit.failed(
            ConsoleStateUnknown,
            "what came after the password is no prompt that sosagent knows; nothing was typed into it",
            hint="Look at the console: a session of ours may be open there.",
        )
    if seen.state.way is Way.PROBE or odd:
        # That it is a shell is proved by the start line's answer, which no other program gives.
        visit.stage = Stage.INSIDE
        visit.record.remember(is_open=True)
        console.tell(Event("done", f"logged in as {printable(visit.entry.login)}"))
    elif seen.state.name in ("password", "password-expired"):
        raise refused(visit, mark)
    else:
        raise watch.stopped(seen)
    if visit.entry.become is not None:
        await become(visit, password)
    return None


async def maintain(visit: Visit, _seen: Observation, password: Secret) -> Observation | None:
    """The maintenance prompt asks for root's password, whatever the login would have been."""
    if visit.entry.login != "root":
        raise visit.failed(
            ConsoleOccupied,
            "the machine is in emergency mode, where only root can log in",
            hint="Run again without --login, with root's password.",
        )
    visit.check_host(None)
    visit.console.tell(Event("start", "log in for maintenance"))
    # From here on its shell may be open, and is never ended: that would continue the boot.
    visit.layers.append(Layer.MAINTENANCE)
    mark = await answer(visit, password, visit.console.mark_of_lines())
    if mark is None:
        visit.layers.clear()
        return await visit.watch.settle(WAKE_SECONDS)
    seen = await outcome(visit, mark)
    if seen.state.way is not Way.PROBE:
        visit.layers.clear()
        raise refused(visit, mark)
    return await _in_maintenance(visit)


async def press_enter(visit: Visit, _seen: Observation, _password: Secret) -> Observation | None:
    """Emergency mode that asks for no password."""
    visit.check_host(None)
    mark = visit.console.mark()
    visit.layers.append(Layer.MAINTENANCE)
    await visit.console.send("\r")
    seen = await visit.watch.settle(LOGIN_SECONDS, mark=mark)
    if seen.state.way is not Way.PROBE:
        visit.layers.clear()
    return await _in_maintenance(visit) if seen.state.way is Way.PROBE else seen


async def _in_maintenance(visit: Visit) -> Observation | None:
    visit.root = True
    visit.prompt = visit.console.open_line
    visit.console.tell(Event("done", "logged in for maintenance"))
    if await in_initramfs(visit):
        await open_root(visit)
    return None


async def become(visit: Visit, password: Secret) -> None:
    """At a user's prompt: get root's shell by sudo or su, over it, or instead of it where it is ours."""
    console, watch = visit.console, visit.watch
    console.tell(Event("start", f"become root by {visit.entry.become}"))
    asks = f"SOS{secrets.token_hex(2)}: "
    command = f"sudo -H -p '{asks}' /bin/sh" if visit.entry.become == "sudo" else "su"
    await console.type_line(f" {'exec ' if visit.ours else ''}{command}")
    mark = console.mark()
    visit.becoming = True
    await console.send("\r")
    seen = await _settle_asked(visit, asks, mark)
    if console.open_line == asks or seen.state.name in PASSWORD_PROMPTS:
        answered = await answer(visit, visit.entry.become_password or password, mark, asks)
        if answered is None:
            raise watch.stopped(watch.observe(console.mark_of_lines()))
        mark = answered
        seen = await _settle_asked(visit, asks, mark)
    if seen.state.way is not Way.PROBE:
        raise refused(visit, mark, f"{visit.entry.become} did not make {printable(visit.entry.login)} root")
    if (await probe(visit)).uid != 0:
        raise refused(visit, mark, f"{visit.entry.become} did not make {printable(visit.entry.login)} root")
    visit.becoming = False
    if not visit.ours:
        visit.layers.append(Layer.BECOME)
    visit.root = True
    console.tell(Event("done", f"became root by {visit.entry.become}"))


async def _settle_asked(visit: Visit, asks: str, mark: Mark) -> Observation:
    """Wait for what sudo or su do: ask, let us in, or refuse."""
    loop = asyncio.get_running_loop()
    end = loop.time() + LOGIN_SECONDS
    while True:
        seen = await visit.watch.settle(WAKE_SECONDS, mark=mark)
        asked = visit.console.open_line == asks and bool(visit.console.since(mark)[1])
        if asked or decided(seen) or loop.time() > end:
            return seen
