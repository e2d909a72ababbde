"""Echo of long lines: a shell draws them again at the edge of the screen, each in its own manner."""

from __future__ import annotations

from pathlib import Path

from sosagent.console.typing import shows_line

from ..support.ptys import on_pty


def test_the_echo_of_fish_when_the_row_is_full() -> None:
    """All at once: it goes down and up again, and draws the row once more."""
    typed = "x" * 72
    raw = typed.encode() + b"\r\r\n\x1b[A\x1b[8C" + typed.encode() + b"\r\r\n\x1b[A\x1b[8C\x1b[72C"
    assert shows_line(raw, "prompt# ", typed, (80,))
    assert not shows_line(raw, "prompt# ", f"{typed}x", (80,))


async def test_what_follows_a_long_line_that_was_erased_is_lines_of_its_own(tmp_path: Path) -> None:
    """bash at ^U clears each row on its way down and goes up again: rows of blanks are left on the screen."""
    async with on_pty(["bash", "--norc", "--noprofile"], tmp_path, PS1="prompt# ") as (console, _):
        await console.expect("prompt# $")
        await console.send("x" * 250)
        await console.quiet(0.3, 5)
        await console.send("\x15")
        await console.quiet(0.3, 5)
        mark = console.mark()
        await console.type_line("echo A\\B;echo C\\D")
        await console.send("\r")
        await console.expect("CD")
        await console.quiet(0.2, 5)
        assert console.since(mark)[0][-2:] == ["AB", "CD"]
