"""The tables of transitions are complete, and a shell that an earlier connection left open is logged out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from sosagent.access import LoginSettings
from sosagent.console import Console
from sosagent.errors import ConsoleError, ConsoleOccupied
from sosagent.login.attempt import Undo
from sosagent.login.transitions import STEPS, UNDO_STEPS, Login
from sosagent.terminal.states import Action
from sosagent.transports.memory import memory_pair

from ..support.dialogue import Exchange, FarEnd, typed
from .conversation import LOG_OUT, LOGIN, READS_LINES, REDRAW, REDRAWN, ROOT, STOPPED, SUSPEND, WAKE, key

pytestmark = pytest.mark.virtual_time


def test_every_action_and_every_change_has_a_step() -> None:
    assert set(STEPS) == set(Action)
    assert set(UNDO_STEPS) == set(Undo)


@dataclass(frozen=True)
class Reconnection:
    """The state of a console on a new connection, and the keys that are typed there.

    Fields:
        shows: what the machine sends before any key arrives.
        exchanges: the keys, in order, and the machine's replies.
        error: the class of the error; None for success.
    """

    shows: tuple[str | float, ...]
    exchanges: tuple[Exchange, ...] = ()
    error: type[ConsoleError] | None = None


RECONNECTIONS = {
    "login prompt": Reconnection((LOGIN,)),
    "our shell": Reconnection((), key(REDRAW, REDRAWN + ROOT) + LOG_OUT),
    "our receiver": Reconnection(("=R\r\n",), key(REDRAW) + key("\r]Z\r", "=R\r\n=Z\r\n", LOGIN)),
    "our receiver, silent until it ends": Reconnection((), key(REDRAW) + key(WAKE, 20.0, "\r\n" + LOGIN)),
    "a program in our shell": Reconnection(
        (), READS_LINES + key(SUSPEND, "^Z" + STOPPED) + typed(" fg", "cat\r\n"), ConsoleOccupied
    ),
}


@pytest.mark.parametrize("name", RECONNECTIONS)
async def test_a_new_connection_closes_the_open_shell(name: str) -> None:
    case = RECONNECTIONS[name]
    near, far = memory_pair()
    machine = FarEnd(far, case.shows, case.exchanges)
    playing = asyncio.ensure_future(machine.run())
    async with Console(near) as console:
        console.set_deadline(300)
        (error,) = await asyncio.gather(Login(console, LoginSettings()).close_open_shell(), return_exceptions=True)
        assert (machine.remaining, machine.unexpected) == ([], ""), (machine.typed, error)
        assert type(error) is (case.error or type(None)), error
    await playing
