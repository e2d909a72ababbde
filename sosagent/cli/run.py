"""Run a job from the command line: signals, errors, exit codes."""

from __future__ import annotations

import asyncio
import getpass
import re
import signal
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import typer

from .. import __version__
from ..errors import SosError, UsageError
from ..printable import printable
from ..secrets.sources import PasswordSource, find_password

if TYPE_CHECKING:
    from ..transports.base import Ask
    from .show import Progress

__all__ = [
    "Interrupted", "Reported", "Unforeseen", "VersionOption", "answered", "answered_from", "ask_on_terminal", "confirm",
    "foreseen", "run_job", "saying_where",
]  # fmt: skip


_T = TypeVar("_T")

_PASSWORD = re.compile(r"(?i)password")
#: Words of a question for something else than the endpoint's own password as it is now.
_ANOTHER = re.compile(r"(?i)root|passphrase|\bnew\b|one.?time|\botp\b")


class Interrupted(SosError):
    """Ctrl-C, or the signal of a shutdown: we logged out first."""

    code: ClassVar[str] = "interrupted"
    exit_code: ClassVar[int] = 130


class Unforeseen(SosError):
    """A bug, or something of the system's that nobody thought of."""

    code: ClassVar[str] = "unforeseen"
    default_hint: ClassVar[str] = "This is a bug in sosagent. With -v it shows where; please report that."


class Reported(SystemExit):
    """The end of the program after its error has been shown."""


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"sosagent {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.", show_default=False),
]


@contextmanager
def foreseen(verbose: bool) -> Iterator[None]:
    """Let nothing but a `SosError` out, so that no traceback reaches a user who did not ask for it."""
    try:
        yield
    except (SosError, typer.Exit, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        raise Interrupted("stopped", hint="Nothing was sent.") from None
    except Exception as error:  # noqa: BLE001 - the last resort before the user
        if verbose:
            traceback.print_exc()
        raise _unforeseen(error) from None


def _unforeseen(error: BaseException) -> Unforeseen:
    return Unforeseen(f"unforeseen: {type(error).__name__}: {printable(str(error))}")


_STOPPED = "Nothing that was there is lost. What was done already, a second run tells."


def run_job(job: Coroutine[Any, Any, _T], *, logs_out: bool = True, hint: str = _STOPPED) -> _T:
    """Run `job` to its end. A signal cancels it; it logs out, however often the signal comes.

    Args:
        job: what to run.
        logs_out: say that it does, when a signal comes.
        hint: what the user should know then.

    Raises:
        Interrupted: a signal came.
        SosError: the job's own.
    """
    return asyncio.run(_guarded(job, logs_out, hint))


async def _guarded(job: Coroutine[Any, Any, _T], logs_out: bool, hint: str) -> _T:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(job)
    signals: list[str] = []

    def stop(name: str) -> None:
        signals.append(name)
        if len(signals) == 1:
            if logs_out:
                print("\nsosagent: stopping; logging out first", file=sys.stderr, flush=True)
            task.cancel()
        elif logs_out:
            print("sosagent: still logging out", file=sys.stderr, flush=True)

    undo = [_on_signal(loop, name, stop) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    try:
        return await task
    except asyncio.CancelledError as error:
        if not signals:
            raise
        interrupted = Interrupted(f"stopped by {signals[0]}", hint=hint)
        interrupted.record = getattr(error, "record", None)
        for note in getattr(error, "__notes__", ()):
            interrupted.add_note(note)
        raise interrupted from None
    finally:
        for put_back in undo:
            put_back()


def _on_signal(loop: asyncio.AbstractEventLoop, name: str, stop: Callable[[str], None]) -> Callable[[], object]:
    """Call ``stop(name)`` in the loop when that signal comes; gives what puts the old handler back."""
    number = signal.Signals[name]
    try:
        loop.add_signal_handler(number, stop, name)
    except NotImplementedError:  # on Windows
        before = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop, name))
        return lambda: signal.signal(number, before)
    return lambda: loop.remove_signal_handler(number)


def ask_on_terminal(progress: Progress) -> Callable[[str, str, bool], Awaitable[str | None]]:
    """Pass an endpoint's own questions on to the user, named as the endpoint's; and those of our own."""

    async def ask(endpoint: str, prompt: str, echo: bool) -> str | None:

        progress.stop()
        words = f"The endpoint {endpoint} asks: {prompt} " if endpoint else f"{prompt} "
        # Not the machine's password: this prompt is the endpoint's.
        return await answered(lambda: input(words) if echo else getpass.getpass(words))

    return ask


def confirm(question: str, *, nobody: str, yes: str, no: str) -> None:
    """Ask a question on the terminal that is answered with yes or no.

    Args:
        question: in full.
        nobody, yes: the error, and its hint, where nobody can be asked.
        no: the error where the answer is anything but yes.

    Raises:
        UsageError: it is not confirmed.
    """
    if not sys.stdin.isatty():
        raise UsageError(nobody, hint=yes)
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError(no)


@contextmanager
def saying_where(where: str) -> Iterator[None]:
    """Let errors begin with `where`, which says what is to be mended."""
    try:
        yield
    except UsageError as error:
        if where:
            error.message = f"{where}: {error.message}"
        raise


def answered_from(source: PasswordSource, endpoint: str, ask: Ask | None, where: str = "") -> Ask:
    """Answer an endpoint's question for its own password from `source`, once; what else is asked goes to the user.

    Args:
        source: read when the question comes, and not before.
        endpoint: its name; a jump host on the way to it is another one.
        ask: asks the user; None where nobody is there.
        where: that `source` stands, for messages.
    """

    def taken() -> str:
        with saying_where(where):
            return find_password(source=source).reveal()

    fresh = source.kind != "prompt"

    async def answer(name: str, prompt: str, echo: bool) -> str | None:
        nonlocal fresh
        own = name == endpoint and not echo and _PASSWORD.search(prompt) and not _ANOTHER.search(prompt)
        if not own or not fresh:
            return None if ask is None else await ask(name, prompt, echo)
        fresh = False
        return await answered(taken)

    return answer


async def answered(question: Callable[[], str]) -> str | None:
    """What a person types; None at the end of input. When cancelled, the terminal is as it was before."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str | None] = loop.create_future()

    def give(text: str | None, error: SosError | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(text)
        else:
            answer.set_exception(error)

    def put() -> None:
        text: str | None = None
        error: SosError | None = None
        try:
            text = question()
        except EOFError:
            pass  # there is no answer
        except SosError as raised:
            error = raised
        except BaseException as raised:  # noqa: BLE001 - whoever waits for the answer would wait for ever
            error = _unforeseen(raised)
        with suppress(RuntimeError):  # nobody waits any more, and the loop is closed
            loop.call_soon_threadsafe(give, text, error)

    with _terminal_kept():
        # A thread that the end of the program does not wait for: nobody may ever answer.
        threading.Thread(target=put, daemon=True).start()
        return await answer


@contextmanager
def _terminal_kept() -> Iterator[None]:
    """Put the terminal back as it was: a question that is given up has its echo off."""
    try:
        import termios
    except ImportError:  # on Windows
        yield
        return
    try:
        before = termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, ValueError):
        yield
        return
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSANOW, before)
