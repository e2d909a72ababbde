"""Authenticate at the login prompt, and by sudo or su."""

from __future__ import annotations

import asyncio
import re
import secrets

from ..console.console import Console, Mark
from ..console.events import Event
from ..errors import ConsoleOccupied
from ..printable import printable
from ..secrets.secret import Secret
from ..terminal.states import SILENT, Action, Observation
from .attempt import Attempt, Stage
from .confirm import ask_again
from .failures import state_error
from .find_shell import find_shell
from .history import forget_lines
from .observe import LOGIN_SECONDS, WAKE_SECONDS, is_decided, observe, settle, wait_for_rest
from .password import LATER_PROMPTS, PASSWORD_PROMPTS, type_password
from .probe import probe
from .reader import Reader, ask_reader
from .refusals import locked_before, printed_lines, refusal_error, refusal_reason, wrong_password_of_others
from .second_factor import MOST_FACTORS, answer_second_factor, factor_refused, prompt_after

__all__ = ["become_root", "log_in"]

_NAME_TRIES = 5
_OWN_KEYS = re.compile(rb"[\x0c\x1a]")  # as a getty echoes them
_FACTOR = "second-factor"
_SILENT_SECONDS = 20.0  # before silence is tested for a shell without a prompt
_DIALOGUE = (*PASSWORD_PROMPTS, *LATER_PROMPTS)
#: After the name, these are not tested for a shell: a prompt of the usual form, a message of the endpoint, a boot.
_STAYS = (Action.PROBE, Action.BUSY, Action.CLOSED, Action.RECONNECT, Action.WAIT, Action.MAINTAIN)


async def log_in(attempt: Attempt, observed: Observation, password: Secret) -> Observation | None:
    """At a login prompt: enter the name, type the password if it is asked for, and become root if requested.

    A prompt that was there before we pressed Enter is asked for again; if another state follows, it is returned.

    Raises:
        WrongMachine: the machine is not the expected one; nothing was typed.
        LoginRefused: the machine refused the login.
        ConsoleStateUnknown: unknown text follows the password.
        ConsoleOccupied: another state, or another user's shell, follows the name or the password.
    """
    if not _host_may_be_cut(attempt, observed.hostname):
        attempt.check_host(observed.hostname)
    console, name = attempt.console, printable(attempt.settings.login)
    # Behind a program that the terminal echoed for, only another ^L shows whether a getty reads now.
    if not console.received.follows_enter or console.received.tty_echoes:
        observed = await ask_again(console, of_login=True)
        if observed.state.action is not Action.LOG_IN:
            return observed
        attempt.check_host(observed.hostname)
    console.emit(Event("start", f"log in as {name}"))
    await _type_name(attempt)
    mark = asked = console.mark()
    attempt.name_entered()
    observed = await _press_enter_after_name(console, mark)
    if await _is_inside(console, observed, mark):
        attempt.password_sent()  # no password was asked for: a shell may be open from now on
        observed = await find_shell(attempt, mark)
        if observed.state.name in _DIALOGUE or observed.state.action is Action.LOG_IN:
            attempt.name_entered()
        elif observed.state.action is Action.PROBE:
            await _check_user(attempt)
    if observed.state.name == _FACTOR and (coded := await answer_second_factor(attempt)) is not None:
        observed = await prompt_after(attempt, mark := coded)
    if observed.state.name == "password" and locked_before(console, mark):
        raise refusal_error(console, mark, typed=False)
    if observed.state.name == "password":
        attempt.password_sent()
        sent = await type_password(console, password, mark)
        if sent is None:
            attempt.name_entered()
            observed = observe(console, mark)
        else:
            observed, mark = await _answer_factors(attempt, await find_shell(attempt, sent), sent)
    if observed.state.action is Action.LOG_IN:
        typed = attempt.stage is Stage.PASSWORD_SENT
        if not typed and wrong_password_of_others(console, mark) and attempt.may_enter_name_again():
            console.emit(Event("note", "something else answered the password prompt: entering the name again"))
            return observed
        raise refusal_error(console, mark, typed=typed, before=asked)
    _check_shell(attempt, observed, mark, asked)
    if attempt.stage is Stage.NAME_ENTERED:
        await _check_user(attempt)
    # After a password a probe is not needed: the start line is answered by shells only.
    attempt.shell_opened()
    console.emit(Event("done", f"logged in as {name}"))
    if attempt.settings.become is not None:
        await become_root(attempt, password)
    return None


def _host_may_be_cut(attempt: Attempt, hostname: str | None) -> bool:
    """Return whether a prompt may show only the end of the expected host name: we connected while it was printed."""
    console, expected = attempt.console, (attempt.settings.expect_host or "").split(".")[0].lower()
    first = not console.received.follows_enter and not console.since(console.machine_start)[0]
    return first and expected.endswith((hostname or "").split(".")[0].lower())


async def _answer_factors(attempt: Attempt, observed: Observation, mark: Mark) -> tuple[Observation, Mark]:
    """After the password: let the user answer the prompts for a second factor; return the state that follows.

    Raises:
        LoginRefused: no user answers, or the machine refused the code.
    """
    for _ in range(MOST_FACTORS):
        if observed.state.name != _FACTOR:
            break
        sent = await answer_second_factor(attempt)
        observed = await find_shell(attempt, mark := sent or mark)
        if observed.state.action is Action.LOG_IN or observed.state.name == "password":
            raise factor_refused(attempt, mark)
    return observed, mark


async def _type_name(attempt: Attempt) -> None:
    """Type the name and compare its echo, since getty discards input from before it was ready."""
    console = attempt.console
    # The name is short: a failure is due to a damaged prompt rather than the pace. Enter brings a new prompt.
    await console.type_line(attempt.settings.login, tries=_NAME_TRIES, new_prompt_keys="\r")
    if _OWN_KEYS.search(console.output.rpartition(b"\n")[2]):
        # Our ^L or ^Z reached getty just as it began to read, so it is the first character of the name.
        await console.send("\x15")
        await console.quiet(0.2, 2.0)
        await console.type_line(attempt.settings.login, tries=_NAME_TRIES, new_prompt_keys="\r")


async def _is_inside(console: Console, observed: Observation, mark: Mark) -> bool:
    """Return whether our name may have led to a shell without a password, whose prompt is not of the usual form.

    Another program may have shown the prompt that we answered. So this is only assumed after a getty, which reads each
    character; other programs leave the echo of our ^L to the terminal.
    """
    if console.received.tty_echoes or observed.state.name in _DIALOGUE or observed.state.name == "panic":
        return False
    if observed.state.action is Action.LOG_IN:
        refused = refusal_reason(console, mark, "password")[0]
        return not refused and await ask_reader(console) is Reader.EDITOR
    if observed.state is SILENT:
        return console.received.count_lines_since(mark) > 0
    return observed.state.action not in _STAYS


async def _press_enter_after_name(console: Console, mark: Mark) -> Observation:
    loop = asyncio.get_running_loop()
    started = loop.time()
    await console.send("\r")
    observed = await settle(console, WAKE_SECONDS, mark=mark)
    # It may be the beginning of a prompt for a password, whose rest a busy machine prints late.
    observed = await wait_for_rest(console, observed, WAKE_SECONDS, mark)
    if observed.state is SILENT:
        lost = not console.received.count_lines_since(mark)
        if lost:
            await console.send("\r")
        if lost or not printed_lines(console, mark):
            observed = await settle(
                console, LOGIN_SECONDS if console.received.tty_echoes else _SILENT_SECONDS, mark=mark
            )
        if lost and observed.state.name == "password":
            # The first one may only be late. Then the second answers this prompt, and a password that is typed now
            # would follow as a name, which is shown.
            await console.quiet(loop.time() - started, LOGIN_SECONDS)
            observed = observe(console, mark)
    return observed


def _check_shell(attempt: Attempt, observed: Observation, mark: Mark, asked: Mark) -> None:
    """Raise an error unless our login led to a shell; `mark` was set before the password, `asked` before its prompt."""
    console, name = attempt.console, observed.state.name
    if name in ("password", "password-expired"):
        # At a prompt for a new password, the password was right.
        otherwise = "the password has expired" if name == "password-expired" else ""
        raise refusal_error(console, mark, otherwise, typed=attempt.stage is Stage.PASSWORD_SENT, before=asked)
    if observed.state.action is not Action.PROBE:
        raise state_error(console, observed)


async def _check_user(attempt: Attempt) -> None:
    """Raise an error if the shell that follows our name without a password is another user's.

    Then the login prompt was only text in front of an existing shell.
    """
    shell, name = await probe(attempt), attempt.settings.login
    if shell.name not in (None, name):
        await forget_lines(attempt)
        attempt.gave_up()
        raise attempt.console.error(
            ConsoleOccupied,
            f"a shell of {printable(shell.name)} answers at what looked like a login prompt; it is left as it is",
            hint="Log it out yourself, or find out who prints a login prompt there.",
        )


async def become_root(attempt: Attempt, password: Secret) -> None:
    """Replace our own shell by sudo or su. An existing shell is never used, whose `sudo` may be any program.

    Raises:
        LoginRefused: the user did not become root.
    """
    console, settings = attempt.console, attempt.settings
    console.emit(Event("start", f"become root by {settings.become}"))
    own_prompt = f"SOS{secrets.token_hex(2)}: "
    command = f"sudo -H -p '{own_prompt}' /bin/sh" if settings.become == "sudo" else "su"
    await console.type_line(f" exec {command}")
    mark = console.mark()
    attempt.becoming_root()
    await console.send("\r")
    observed, sent = await _settle_after_su(console, mark), None
    if console.open_line == own_prompt or observed.state.name in PASSWORD_PROMPTS:
        sent = await type_password(console, settings.become_password or password, mark, own_prompt)
        if sent is None:
            raise state_error(console, observe(console, console.mark_before_open_line()))
        observed = await _settle_after_su(console, mark := sent)
    if console.open_line != own_prompt and observed.state.name not in _DIALOGUE:
        observed = await find_shell(attempt, mark)
    if observed.state.action is not Action.PROBE or (await probe(attempt)).uid != 0:
        message = f"{settings.become} did not make {printable(settings.login)} root"
        raise refusal_error(console, mark, message, typed=sent is not None)
    attempt.became_root()
    console.emit(Event("done", f"became root by {settings.become}"))


async def _settle_after_su(console: Console, mark: Mark) -> Observation:
    """Wait until sudo or su has answered: with a prompt, a refusal, or the prompt of its shell, whatever that is.

    Silence is no answer for a while: PAM may be slow, and a shell may have no prompt.
    """
    deadline = console.line.wait(_SILENT_SECONDS)
    while True:
        observed = await settle(console, WAKE_SECONDS, mark=mark)
        open_line = console.since(mark)[1]  # an unknown prompt: our sudo's own, or an odd one of a shell
        if is_decided(observed) or open_line.strip() or printed_lines(console, mark) or deadline.passed:
            return observed
