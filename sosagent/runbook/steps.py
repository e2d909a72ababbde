"""What each step does, by its word."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ..authorized_keys.append import append_keys
from ..authorized_keys.programs import check_user
from ..errors import ConsoleSilent, ConsoleStateUnknown, DeadlineExceeded, SosError, StepFailed, UsageError
from ..jobs.keys import remove_in
from ..keys import PublicKey, parse_public_keys
from ..login.detect import find_state
from ..login.observe import observe, settle
from ..printable import clean, printable
from ..secrets.secret import Secret, hidden
from ..shell.transfer import Transfer
from ..terminal.expect import Match
from .model import KEYS, Assert, Confirm, Download, Expect, Keys, Login, Run, Send, SendBreak, Upload, WaitFor
from .scope import Scope
from .search import found_in
from .site import Site

__all__ = ["DOES", "Ask", "Outcome"]

_KEY_FILE_LIMIT = 1 << 20
_OUTPUT_SHOWN = 65536
_SETTLE = 5.0
_LONGER = "Give the step a longer timeout, if it only needs more time."
_E = TypeVar("_E", bound=SosError)

#: Asks a person; None where nobody is there.
Ask = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True)
class Outcome:
    """What came of a step.

    Fields:
        said: in a sentence.
        output: of its program, safe to print.
        exit_status: of its program.
        value: what `store` keeps: ``output``, and parts of it.
    """

    said: str = ""
    output: str = ""
    exit_status: int | None = None
    value: Mapping[str, Any] = field(default_factory=dict)


async def _log_in(site: Site, scope: Scope, does: Login, ask: Ask | None) -> Outcome:
    user = None if does.user is None else scope.fill(does.user)
    password = None if does.password is None else _password(scope, does.password)
    session = await site.log_in_as(user, does.become, password)
    how = "logged in" if session.ours else "found a shell open"
    return Outcome(f"{how} on {site.hostname}, as {'root' if session.root else site.access.entry.login}")


def _password(scope: Scope, text: str) -> Secret:
    """What a login types at a password prompt, where it is one line."""
    secret = scope.secret(text)
    if secret is None:
        raise UsageError(f"the password {text} is no secret", hint="A parameter of the type secret gives it.")
    if not secret or any(ord(char) < 0x20 or ord(char) == 0x7F for char in secret.reveal()):
        what = "holds a control character, such as a newline" if secret else "is empty"
        raise UsageError(f"the password {text} {what}: it cannot be typed", hint="Nothing was typed.")
    return secret


async def _log_out(site: Site, scope: Scope, does: Any, ask: Ask | None) -> Outcome:
    await site.log_out()
    return Outcome("logged out" if site.logged_out else "nobody was logged in")


async def _run(site: Site, scope: Scope, does: Run, ask: Ask | None) -> Outcome:
    session = await site.session()
    program, secrets = scope.program(does.program)
    # A secret of few characters would be hidden in words that have nothing to do with it: all is hidden then.
    closed = does.secret or any(hidden(one.reveal(), [one]) == one.reveal() for one in secrets)
    with site.console.unrecorded(*secrets) if closed or secrets else nullcontext():
        result, late = await site.ran(session.shell, program)
    output = result.output.decode("utf-8", "replace")
    text = hidden(site.console.redact(output), secrets)
    stored: str | Secret = text
    if closed:
        stored, text = Secret(output), "(not recorded)"
        with site.console.unrecorded(stored):
            pass  # it is a secret from now on, wherever it comes up
    value = {"output": stored, "status": result.status}
    outcome = Outcome(f"exit status {result.status}", text if closed else _lines(text), result.status, value)
    if late:
        words = f"its program was not done within {site.run_seconds} s, and was ended there"
        raise _told(DeadlineExceeded(words, state=site.console.state, tail=_tail(outcome), hint=_LONGER), outcome)
    wanted = does.status if isinstance(does.status, tuple) else (does.status,)
    if does.status != "any" and result.status not in wanted:
        words = f"its program ended with exit status {result.status}"
        if result.status == 137:
            words += " (somebody, or the kernel for want of memory, killed it)"
        raise _failed(site, words, outcome)
    if does.expect is not None:
        pattern = scope.fill(does.expect, pattern=True)
        if not found_in(pattern, output if closed else text):
            raise _failed(site, f"its output does not hold {pattern!r}", outcome)
    return outcome


def _lines(text: str) -> str:
    """Output as it may be shown: its lines, without what would do something to a terminal."""
    if len(text) > _OUTPUT_SHOWN:
        text = f"(the first {len(text) - _OUTPUT_SHOWN} characters are left out)\n{text[-_OUTPUT_SHOWN:]}"
    return "\n".join(clean(line.replace("\t", "    ")) for line in text.replace("\r", "").split("\n"))


def _failed(site: Site, words: str, outcome: Outcome) -> StepFailed:
    return _told(StepFailed(words, state=site.console.state, tail=_tail(outcome)), outcome)


def _tail(outcome: Outcome) -> list[str]:
    return [line for line in outcome.output.split("\n") if line.strip()][-12:]


def _told(error: _E, outcome: Outcome) -> _E:
    error.record = outcome
    return error


async def _expect(site: Site, scope: Scope, does: Expect, ask: Ask | None) -> Outcome:
    console = await site.raw()
    found = await console.expect([scope.fill(does.pattern, pattern=True)], _left(site))
    return _matched(site, found)


def _matched(site: Site, found: Match) -> Outcome:
    text = site.console.redact(found.text)
    return Outcome(f"saw {printable(text, 200)!r}", value={"output": text})


def _left(site: Site) -> float:
    left = site.console.time_left()
    return 3600.0 if left is None else max(left, 0.001)


async def _send(site: Site, scope: Scope, does: Send, ask: Ask | None) -> Outcome:
    console = await site.raw()
    enter = "\r" if does.enter and not does.keys else ""
    secret = scope.secret(does.text)
    if secret is not None:
        await console.send_secret(secret, enter)
        return Outcome("sent a secret")
    text = scope.fill(does.text)
    if does.keys:
        unknown = [name for name in text.split() if name not in KEYS]
        if unknown:
            raise UsageError(f"no key is called {printable(unknown[0], 60)!r}")
        text = "".join(KEYS[name] for name in text.split())
        await console.send(text)
        return Outcome(f"pressed {scope.fill(does.text)}")
    await console.send(text.replace("\r\n", "\r").replace("\n", "\r") + enter)
    return Outcome(f"sent {printable(text, 200)!r}")


async def _add_key(site: Site, scope: Scope, does: Keys, ask: Ask | None) -> Outcome:
    session = await site.session()
    user = check_user(scope.fill(does.user) if does.user else site.access.entry.login)
    keys = _keys(scope, does.key)
    done = await append_keys(session.shell, keys, **site.access.rights(session, user))
    said = ", ".join(f"{one.result} {one.key.fingerprint}" for one in done.keys)
    output = "\n".join(printable(text, 400) for text in (*done.warnings, *done.changes))
    return Outcome(f"{said} in {printable(done.file)}", output)


async def _remove_key(site: Site, scope: Scope, does: Keys, ask: Ask | None) -> Outcome:
    session = await site.session()
    user = check_user(scope.fill(does.user) if does.user else site.access.entry.login)
    text = scope.fill(does.key).strip()
    which: list[str | PublicKey] = [text] if text.startswith(("SHA256:", "MD5:")) else [*_keys(scope, does.key)]
    done = await remove_in(session, site.access, which, user=user)
    if not done.removed:
        return Outcome(f"no line of {printable(done.file)} held it")
    said = f"removed {len(done.removed)} from {printable(done.file)}; as it was: {printable(done.backup)}"
    return Outcome(said, "\n".join(printable(line, 400) for line in done.removed))


def _keys(scope: Scope, text: str) -> list[PublicKey]:
    """Keys as lines, or the name of a file of them."""
    filled = scope.fill(text).strip()
    if " " in filled and "\n" not in text and not text.startswith("/"):
        return parse_public_keys(filled, "the key of this step")
    path = scope.loaded.path(filled)
    try:
        if path.stat().st_size > _KEY_FILE_LIMIT:
            raise UsageError(f"{printable(str(path))} is too large for a file of keys")
        return parse_public_keys(path.read_bytes(), printable(str(path)))
    except OSError as error:
        raise UsageError(f"cannot read {printable(str(path))}: {error.strerror}") from None


async def _upload(site: Site, scope: Scope, does: Upload, ask: Ask | None) -> Outcome:
    session = await site.session()
    source = scope.loaded.path(scope.fill(does.source))
    done = await session.shell.upload(source, scope.fill(does.target), mode=int(does.mode, 8), on_progress=site.count)
    return _carried(done, done.path)


async def _download(site: Site, scope: Scope, does: Download, ask: Ask | None) -> Outcome:
    session = await site.session()
    target = Path(scope.fill(does.target)).expanduser()
    done = await session.shell.download(scope.fill(does.source), target, on_progress=site.count)
    return _carried(done, str(target))


def _carried(done: Transfer, path: str) -> Outcome:
    resumed = f", gone on with at {done.resumed_from:,}" if done.resumed_from else ""
    said = f"{printable(path)} has {done.size:,} bytes{resumed}, cksum {done.cksum.partition(' ')[0]}"
    return Outcome(said, value={"output": path, "size": str(done.size)})


async def _wait_for(site: Site, scope: Scope, does: WaitFor, ask: Ask | None) -> Outcome:
    console = await site.raw()
    if does.text is not None:
        return _matched(site, await console.expect([scope.fill(does.text, pattern=True)], _left(site)))
    try:
        # What stands there, or does not show until somebody asks for it.
        seen = await find_state(console) if not console.open_line else observe(console, console.mark_before_open_line())
    except (ConsoleSilent, ConsoleStateUnknown):
        seen = observe(console, console.mark_before_open_line())
    while seen.state.name != does.state:
        if _left(site) <= _SETTLE:
            raise DeadlineExceeded(
                f"the console did not come to the state {does.state}; on it is {seen.state.title}",
                state=seen.state.name,
                tail=console.tail(),
            )
        await console.receive(_SETTLE)
        seen = await settle(console, _SETTLE)
    return Outcome(f"on the console is {seen.state.title}", value={"output": seen.hostname or ""})


async def _send_break(site: Site, scope: Scope, does: SendBreak, ask: Ask | None) -> Outcome:
    console = await site.raw()
    await console.send_break()
    if does.sysrq is not None:
        await console.send(does.sysrq)
    return Outcome("sent a BREAK" + (f" and {does.sysrq}" if does.sysrq else ""))


async def _assert(site: Site, scope: Scope, does: Assert, ask: Ask | None) -> Outcome:
    if scope.holds(does):
        return Outcome("it is so")
    value = printable(scope.fill(does.that), 200)
    if does.message is not None:
        words = printable(scope.fill(does.message), 600)
    else:
        kind = next((name for name in ("equals", "matches", "contains") if getattr(does, name) is not None), "is true")
        what = "" if kind == "is true" else f" {getattr(does, kind)!r}"
        words = f"{value!r} {'does not hold' if not does.negate else 'is not to be'}: {kind}{what}"
    raise StepFailed(words, state=site.console.state, hint="The steps before it show what was found.")


async def _confirm(site: Site, scope: Scope, does: Confirm, ask: Ask | None) -> Outcome:
    question = printable(scope.fill(does.question), 1000)
    if ask is None:
        raise UsageError(
            f"this is to be confirmed, and nobody can be asked: {question}", hint="--yes says yes to all of them."
        )
    if not await ask(question):
        raise StepFailed(f"somebody said no: {question}", hint="Nothing after it was done.")
    return Outcome("yes")


_Does = Callable[[Site, Scope, Any, Ask | None], Awaitable[Outcome]]
#: The word of a step -> what it does. `include` is the engine's.
DOES: dict[str, _Does] = {
    "login": _log_in,
    "logout": _log_out,
    "run": _run,
    "expect": _expect,
    "send": _send,
    "add_key": _add_key,
    "remove_key": _remove_key,
    "upload": _upload,
    "download": _download,
    "wait_for": _wait_for,
    "send_break": _send_break,
    "assert": _assert,
    "confirm": _confirm,
}
