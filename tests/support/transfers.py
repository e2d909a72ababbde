"""Contents to transfer, and shells to transfer them with."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sosagent.shell.shell import Shell

from .ptys import verified_shell

__all__ = ["CONTENTS", "RANDOM", "TEXT", "names", "shell_in"]

_CHANCE = random.Random(7)
TEXT = b"".join(b"%06d the quick brown fox jumps over the lazy dog\n" % number for number in range(2000))
CONTENTS = {
    "nothing": b"",
    "one byte": b"\0",
    "two bytes": b"\r\n",
    "every byte": bytes(range(256)) * 3,
    "random": _CHANCE.randbytes(100 * 1024),
    "text": TEXT,
    "no newline at the end": b"one\ntwo",
    "newlines at the end": b"one\n\n\n",
    "special in printf and the shell": b"-n %s %% \\n \\c '\"`$(date)` ! sos_path sos_x = \\\\",
}
RANDOM = CONTENTS["random"]


@asynccontextmanager
async def shell_in(sh: Sequence[str], home: Path, path: str | None = None) -> AsyncIterator[Shell]:
    """Run a shell whose home is `home`, with the programs of `path` alone if it is set."""
    async with verified_shell(sh, home, env={"PATH": path} if path else None) as (shell, _):
        yield shell
        await shell.close()


def names(folder: Path) -> list[str]:
    """Return the sorted names in `folder`."""
    return sorted(path.name for path in folder.iterdir())
