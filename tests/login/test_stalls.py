"""The machine's output stalls once in the middle of a line, as on a machine that swaps (tests/support/stalls.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from sosagent.errors import ConsoleStateUnknown

from ..support.dialogue import typed
from ..support.logins import require_login
from ..support.stalls import SHELL, add_with_a_stall
from .conversation import ASK_LOGIN, CLEAR, LOG_IN, LOG_OUT, LOGIN, REDRAW, TYPE_PASSWORD, Case, key, play

#: The kernel prints on while the machine stalls.
_KERNEL = (1.0, "[  512.345678] usb 1-1: new device\r\n")
_REST = {
    "in the prompt of getty": Case(
        ("web-1 lo",), key(CLEAR, 2.0, *_KERNEL * 4, 0.5, "gin: ") + ASK_LOGIN + LOG_IN, LOG_OUT, state="login"
    ),
    "in the prompt of getty, whose rest does not come": Case(
        ("web-1 lo",), key(CLEAR, 2.0, *_KERNEL * 2) + ASK_LOGIN + LOG_IN, LOG_OUT, state="login"
    ),
    "in a question, whose rest does not come": Case(
        ("Which one of the",),
        key(CLEAR, 2.0, *_KERNEL * 2) + key(REDRAW) + key(CLEAR),
        state="unknown",
        error=ConsoleStateUnknown,
    ),
    "in the prompt for the password": Case(
        (LOGIN,), ASK_LOGIN + typed("root", "Passw", *_KERNEL * 4, 0.5, "ord: ") + TYPE_PASSWORD, LOG_OUT, state="login"
    ),
}


@pytest.mark.virtual_time
@pytest.mark.parametrize("name", _REST)
async def test_the_kernel_prints_while_a_line_stalls(name: str) -> None:
    await play(_REST[name])


@pytest.mark.sample(2)
@pytest.mark.parametrize("at", [25, 52, 75, 350])
async def test_a_key_is_added_on_a_machine_that_stalls(at: int, tmp_path: Path) -> None:
    """In the text of the getty, after its prompt, in the prompt for the password, and in the echo of the start line."""
    require_login(SHELL)
    assert await add_with_a_stall(tmp_path, at, 4.0) == ""
