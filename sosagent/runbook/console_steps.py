"""Actions on the raw console: expect, send, wait_for and send_break."""

from __future__ import annotations

from ..errors import UsageError
from ..printable import printable
from ..terminal.expect import Match
from .actions import KEYS, Expect, Send, SendBreak, WaitFor
from .outcome import Outcome
from .scope import Scope
from .site import Site

__all__ = ["expect", "send", "send_break", "wait_for"]

#: For a wait without a deadline.
_LONG_SECONDS = 3600.0


async def expect(site: Site, scope: Scope, options: Expect) -> Outcome:
    """Wait for text."""
    return await _expect(site, scope.fill(options.pattern, pattern=True))


async def _expect(site: Site, pattern: str) -> Outcome:
    console = await site.raw()
    left = console.time_left()
    match: Match = await console.expect([pattern], _LONG_SECONDS if left is None else max(left, 0.001))
    text = console.redact(match.text)
    return Outcome(f"saw {printable(text, 200)!r}", value={"output": text})


async def send(site: Site, scope: Scope, options: Send) -> Outcome:
    """Type text, a secret or keys."""
    console = await site.raw()
    enter = "\r" if options.enter and not options.keys else ""
    secret = scope.secret(options.text)
    if secret is not None:
        await console.send_secret(secret, enter)
        return Outcome("sent a secret")
    text = scope.fill(options.text)
    if options.keys:
        names = text.split()
        unknown = [name for name in names if name not in KEYS]
        if unknown:
            raise UsageError(f"unknown key name {printable(unknown[0], 60)!r}")
        await console.send("".join(KEYS[name] for name in names))
        return Outcome(f"pressed {text}")
    await console.send(text.replace("\r\n", "\r").replace("\n", "\r") + enter)
    return Outcome(f"sent {printable(text, 200)!r}")


async def wait_for(site: Site, scope: Scope, options: WaitFor) -> Outcome:
    """Wait for a console state, or for text."""
    if options.text is not None:
        return await _expect(site, scope.fill(options.text, pattern=True))
    observation = await site.wait_for_state(options.state or "")
    return Outcome(f"the console shows {observation.state.title}", value={"output": observation.hostname or ""})


async def send_break(site: Site, scope: Scope, options: SendBreak) -> Outcome:
    """Send a BREAK, and a SysRq key."""
    console = await site.raw()
    await console.send_break()
    if options.sysrq is not None:
        await console.send(options.sysrq)
    return Outcome("sent a BREAK" + (f" and {options.sysrq}" if options.sysrq else ""))
