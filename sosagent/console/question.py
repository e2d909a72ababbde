"""Ask the user before a change, while our shell on the machine waits."""

from __future__ import annotations

import asyncio

from ..errors import NotConfirmed
from ..file_change import Confirm, FileChange
from ..printable import printable
from .console import Console

__all__ = ["QUESTION_SECONDS", "ask_before"]

#: The most seconds that an answer may take. The dead-man's switch waits that much longer.
QUESTION_SECONDS = 300.0


async def ask_before(change: FileChange, confirm: Confirm | None, console: Console) -> float:
    """Ask the user whether to make `change`. The job's time limit does not count the time until the answer.

    Args:
        change: a change; nothing is asked if it is empty.
        confirm: asks the user; None if nobody is to be asked.
        console: the job's console.

    Returns:
        The seconds that the answer took.

    Raises:
        NotConfirmed: the answer was no, or did not come in time.
    """
    if confirm is None or not change:
        return 0.0
    loop = asyncio.get_running_loop()
    asked = loop.time()
    try:
        async with asyncio.timeout(QUESTION_SECONDS) as timer:
            confirmed = await confirm(change)
    except TimeoutError:
        if not timer.expired():
            raise
        raise NotConfirmed(
            f"nobody answered within {QUESTION_SECONDS / 60:.0f} minutes; {printable(change.path)} is unchanged",
            hint="--yes makes the change without a question.",
        ) from None
    finally:
        console.deadline.postpone(loop.time() - asked)
    if not confirmed:
        raise NotConfirmed(f"not confirmed; {printable(change.path)} is unchanged")
    return loop.time() - asked
