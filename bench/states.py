"""(5) Time until a definite answer from each console state, with real programs on ptys."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from pathlib import Path

import sosagent
from sosagent.session.root_shell import root_shell

_LISTENS = "stty raw -echo; sleep 100"
#: Programs that read our keys and send no useful reply.
_DEAF = {
    "a line that is silent": ("sh", "-c", _LISTENS),
    "a program deaf to ^Z": ("sh", "-c", "trap '' TSTP; sleep 100"),
    "a program that prints on, deaf to ^Z": ("bash", "-c", "trap '' TSTP; while :; do echo x; sleep 0.3; done"),
    "an unknown prompt": ("bash", "-c", "read -p 'Which of them? ' x; sleep 100"),
    "garbage": ("bash", "-c", r"stty raw -echo; while :; do printf '\377\376x\377'; sleep 0.1; done"),
    "characters without end": ("bash", "-c", "stty raw -echo; while :; do printf x; sleep 0.01; done"),
}


async def _answer(command: tuple[str, ...], typed: str = "") -> tuple[float, str]:
    """Return the seconds until a shell or an error, and which of them it was."""
    from tests.support.ptys import on_pty

    with tempfile.TemporaryDirectory() as home:
        async with on_pty(command, Path(home), LC_ALL="C") as (console, _):
            await console.quiet(0.3, 1)
            await console.send(typed)
            await console.quiet(0.3, 1)
            console.set_deadline(120)
            begun = time.monotonic()
            try:
                async with root_shell(console, sosagent.Secret("not the password")):
                    return time.monotonic() - begun, "a shell"
            except sosagent.ConsoleError as error:
                return time.monotonic() - begun, error.code


def main() -> None:
    """Measure each state, and print the slowest last."""
    from tests.login.test_states import SHOWN

    programs = {name: (shown.command, shown.typed) for name, shown in SHOWN.items() if shutil.which(shown.command[0])}
    programs |= {name: (command, "") for name, command in _DEAF.items()}
    took = {name: asyncio.run(_answer(*program)) for name, program in programs.items()}
    print("until a definite answer, from each state that a program on a pty shows, seconds")
    for name, (seconds, answer) in sorted(took.items(), key=lambda item: item[1][0]):
        print(f"  {seconds:5.1f}  {name:40} {answer}")
