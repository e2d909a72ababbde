"""Listen to a console without typing: what it shows by itself, and whether another user or run is typing there."""

from __future__ import annotations

import asyncio
import re

from ..console.console import Console, Mark
from ..deadline import Deadline
from ..errors import ConsoleError, ConsoleOccupied, EndpointBusy, EndpointLost
from ..terminal.own_text import RECEIVER_REPLY, RECEIVER_UP
from ..terminal.states import Action, Observation
from .failures import state_error
from .observe import observe

__all__ = [
    "after_reply",
    "closing_error",
    "listen",
    "listen_until_quiet",
    "receiver_spoke",
    "refuse_other_run",
    "refuse_typing",
]

LISTEN_SECONDS = 0.05
LISTEN_AT_MOST = 2.0
_REPLY_PAUSE_SECONDS, _REPLY_SECONDS = 2.0, 60.0
_OTHER_RUN_SECONDS = 3.0  # an active run gets a reply within this time
_SHARED_RUN_SECONDS = 15.0  # on a shared console several runs may be active, with many keys on a slow line
_TYPING_SECONDS = 1.5
_KEY_SECONDS = 0.06  # shorter pauses between characters are not a person's
_REPLY, _UP = re.compile(RECEIVER_REPLY), re.compile(rf"^{RECEIVER_UP}$")
_KEYS = re.compile(rb"[ -~]{1,3}")
#: For an endpoint that sends nothing and closes at the first key, as a TLS server does.
_OTHER_PROTOCOL = (
    "It closed the connection at the first key and sent nothing: it may expect another protocol, such as TLS "
    "(exec:openssl s_client -quiet -connect HOST:PORT)."
)


async def listen(console: Console, seconds: float = LISTEN_SECONDS) -> Observation:
    """Return the state that the console shows by itself once it is quiet for `seconds`. No key is typed.

    Raises:
        ConsoleError: the endpoint closed the connection; the error names the reason if the endpoint did.
    """
    observed, _ = await listen_until_quiet(console, seconds)
    return observed


async def listen_until_quiet(console: Console, seconds: float) -> tuple[Observation, bool]:
    """Like `listen`; also return whether the line became quiet."""
    try:
        quiet = await console.quiet(seconds, LISTEN_AT_MOST)
    except EndpointLost as lost:
        raise closing_error(console, lost) from None
    return observe(console, console.machine_start, connecting=True), quiet


def closing_error(console: Console, lost: EndpointLost) -> ConsoleError:
    """Return the error for a lost connection, with the reason if the endpoint sent one just before it closed."""
    if lost.state.startswith("endpoint-"):
        return lost  # it contains the endpoint's reason
    observed = observe(console, console.machine_start, connecting=True)
    if observed.state.action in (Action.BUSY, Action.CLOSED, Action.RECONNECT):
        return state_error(console, observed)
    if not console.bytes_received and console.bytes_sent and not console.transport.logged_in:
        return EndpointLost(lost.message, hint=_OTHER_PROTOCOL, state=lost.state, tail=lost.tail)
    return lost


async def after_reply(console: Console, mark: Mark, *, connecting: bool = False) -> tuple[Observation, bool]:
    """Wait for the end of a reply to an interrupted run, which a slow line delivers late; observe the console then.

    Args:
        console: the console.
        mark, connecting: see `observe`.

    Returns:
        The state, and whether the line became quiet.
    """
    quiet = await console.quiet(_REPLY_PAUSE_SECONDS, _REPLY_SECONDS)
    return observe(console, mark, connecting=connecting), quiet


def receiver_spoke(console: Console) -> bool:
    """Return whether the receiver of another run has sent a reply."""
    return any(map(_REPLY.match, console.since(console.machine_start)[0]))


async def refuse_other_run(console: Console) -> None:
    """Raise an error if a receiver replies to a request of another run, which is using the same console.

    Raises:
        EndpointBusy: another run is active.
    """
    seconds = _SHARED_RUN_SECONDS if console.endpoint.dialect.shared else _OTHER_RUN_SECONDS
    mark = console.mark()
    if not await _replies(console, mark, seconds):
        return
    if all(_UP.match(line) or not _REPLY.match(line) for line in console.since(mark)[0]):
        # On a slow line, the last keys of an interrupted run may be answered late. An active run gets other replies.
        mark = console.mark()
        if not await _replies(console, mark, _SHARED_RUN_SECONDS):
            return
    raise console.error(
        EndpointBusy,
        "another run of sosagent is active on this console; nothing was typed",
        hint="Wait until it ends, at the latest at its time limit.",
    )


async def _replies(console: Console, mark: Mark, seconds: float) -> bool:
    """Return whether a reply of the receiver follows `mark` within `seconds`."""
    deadline = Deadline(seconds)
    while not any(map(_REPLY.match, console.since(mark)[0])):
        if deadline.passed:
            return False
        await console.receive(deadline.remaining)
    return True


async def refuse_typing(console: Console) -> None:
    """Raise an error if another user types: characters arrive one by one, at a person's pace.

    Raises:
        ConsoleOccupied: another user types.
    """
    loop = asyncio.get_running_loop()
    deadline, last, keys = Deadline(_TYPING_SECONDS), loop.time(), 0
    while not deadline.passed:
        before = console.open_line
        data = await console.receive(deadline.remaining)
        pause, last = loop.time() - last, loop.time()
        if data is None:
            continue
        if not _KEYS.fullmatch(data) or console.open_line != before + data.decode("ascii"):
            return
        # A machine's output may come in small pieces too, but faster.
        keys += pause > _KEY_SECONDS
    if keys >= 2:
        raise console.error(
            ConsoleOccupied,
            "another user is typing on the console; nothing was sent",
            hint="Find out who works there. --take-over continues anyway.",
        )
