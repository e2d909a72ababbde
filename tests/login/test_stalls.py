"""The machine's output stalls once in the middle of a line, as on a machine that swaps (tests/support/stalls.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support.logins import require_login
from ..support.stalls import SHELL, add_with_a_stall


@pytest.mark.parametrize("at", [25, 52, 75, 350])
async def test_a_key_is_added_on_a_machine_that_stalls(at: int, tmp_path: Path) -> None:
    """In the text of the getty, after its prompt, in the prompt for the password, and in the echo of the start line."""
    require_login(SHELL)
    assert await add_with_a_stall(tmp_path, at, 4.0) == ""
