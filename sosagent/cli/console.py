"""`sosagent console HOST`: a console by hand."""

from __future__ import annotations

import dataclasses
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import SosError, UsageError
from ..interactive.escape import escape_of
from ..keys import PublicKey
from ..printable import printable
from .endpoint_options import EndpointOptions, TimeoutOption, VerboseOption, checked_timeout
from .key_sources import Reading, find_keys
from .machine_options import MachineOptions
from .options import with_options
from .run import Reported, foreseen, run_job
from .show import Progress, show_error

if TYPE_CHECKING:
    from ..interactive.session import Hands
    from ..session.machine import Access

__all__ = ["console"]


@with_options(EndpointOptions)
def console(
    where: EndpointOptions,
    record: Annotated[
        Path | None,
        typer.Option(
            "--record", metavar="FILE", help="Record what is shown (asciicast v2); no keys.", show_default=False
        ),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Look on; nothing is typed, ever.")] = False,
    escape: Annotated[
        str, typer.Option("--escape", metavar="CHAR", help="Instead of ~: a character, ^X, or none.")
    ] = "~",
    pace: Annotated[
        int | None,
        typer.Option(
            "--pace",
            metavar="N",
            help="How fast pastes are sent: 0 at once, 1 to 4 ever slower; else under 9600 baud.",
            show_default=False,
        ),
    ] = None,
    login: Annotated[
        str | None,
        typer.Option(
            "-l", "--login", metavar="NAME", help="Who logs in to add a key (Enter ~ k).", show_default="root"
        ),
    ] = None,
    timeout: TimeoutOption = 120.0,
    verbose: VerboseOption = False,
) -> None:
    """Use a console by hand, as with ssh or screen. Enter ~ ? shows its own keys, Enter ~ . leaves.

    The terminal is put back as it was, whatever ends it, and what is left on the console is said.
    """
    progress = Progress(quiet=not verbose, verbose=verbose)
    try:
        with foreseen(verbose), where.near_names():
            hands = _hands(where, login, progress, record, read_only, escape, pace)
            access = _access(where, login, progress, checked_timeout(timeout))
            from ..interactive.session import by_hand

            left = run_job(by_hand(access, hands), logs_out=False, hint="Nobody was logged out.")
    except SosError as error:
        progress.stop()
        with suppress(OSError):  # the terminal may have gone
            show_error(error)
        raise Reported(error.exit_code) from None
    finally:
        progress.stop()
    print(f"sosagent: left the console of {printable(where.host, 200)}: {left}", file=sys.stderr)


def _hands(
    where: EndpointOptions,
    login: str | None,
    progress: Progress,
    record: Path | None,
    read_only: bool,
    escape: str,
    pace: int | None,
) -> Hands:
    """What the user wants of it.

    Raises:
        UsageError: an option is wrong, or there is no terminal.
    """
    character = escape_of(escape)
    try:
        from ..console.console import MOST_PACE
        from ..interactive.session import Hands
    except ImportError:  # termios, on Windows
        raise UsageError("a console by hand needs a terminal as Unix has them; this system has none") from None
    if pace is not None and not 0 <= pace <= MOST_PACE:
        raise UsageError(f"--pace is 0 to {MOST_PACE}, not {pace}")
    if not sys.stdin.isatty() and not read_only:
        raise UsageError(
            "a console by hand needs a terminal, and standard input is none",
            hint="--read-only needs none; `sosagent state` and `screen` need none either.",
        )
    machine = _machine(where, login)
    return Hands(
        _keys_of,
        machine.password_at_hand,
        machine.user_name or machine.login_name,
        character,
        read_only,
        pace,
        record,
        progress.stop,
    )


def _machine(where: EndpointOptions, login: str | None) -> MachineOptions:
    given = {field.name: getattr(where, field.name) for field in dataclasses.fields(EndpointOptions)}
    return MachineOptions(**given, login=login)


def _access(where: EndpointOptions, login: str | None, progress: Progress, timeout: float) -> Access:
    from ..login.transitions import Entry
    from ..session.machine import Access

    machine = _machine(where, login)
    entry = Entry(machine.login_name, None if machine.named is None else machine.named.hostname)
    ask = where.asking(progress)
    return Access(where.reached(progress), None, entry, timeout, on_event=progress, ask=ask, kick=where.kick)


def _keys_of(name: str) -> list[PublicKey]:
    """The keys of a file that the user named while the console was open.

    Raises:
        UsageError: it is no file, or holds no key.
    """
    if name == "-" or re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", name):
        raise UsageError(f"{printable(name, 80)} is not taken here, only a file", hint="sos-addkey takes it.")
    how = Reading(False, False, False, False, False, None)
    return [one.key for one in find_keys([str(Path(name).expanduser())], how)]
