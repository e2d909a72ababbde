"""Fetch the output of a program in short portions, where its reply does not arrive intact as a whole.

A terminal multiplexer (GNU screen, tmux) skips lines that come faster than it draws, and a console server may have
room for a few lines only. The receiver keeps the output of the last program, and the programs here print portions of
it. Each portion is a reply of its own, with its checksum. They leave the program's output where it is by their exit
status, `HOLDS`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..errors import LineDamaged, NotVerified
from .checksums import Checksum
from .programs import Expanded, program

__all__ = ["HOLDS", "fetch"]

#: The exit status of a program whose output does not replace the one that the receiver holds (remote/receiver.sh).
HOLDS = 9
_BLOCK = 64  # bytes; see remote/print_portion_in_shell.sh
#: Sizes of a portion in bytes, the next after a portion that does not arrive: 16, 8 and 4 lines, and how often each of
#: them may be damaged. A few lines arrive wherever a request arrives, so the last has as many tries as any program.
_SIZES = ((256, 4), (128, 4), (_BLOCK, 24))

#: Runs a program with so many tries, and returns its status and output.
Run = Callable[[str, int], Awaitable[tuple[int, bytes]]]


async def fetch(run: Run, checksum: Checksum) -> tuple[int, bytes] | None:
    """Fetch the output of the program that ran last, without running it again.

    Args:
        run: runs a program of this module.
        checksum: the receiver's.

    Returns:
        Status and output of that program; None if the machine does not hold its output.

    Raises:
        NotVerified, LineDamaged: not even short replies arrive.
    """
    status, output = await run(program("measure_output"), _SIZES[-1][1])
    words = output.decode("ascii", "replace").split()
    if status != HOLDS or len(words) not in (3, 4) or not (words[0] + words[2]).isdigit() or int(words[0]) == HOLDS:
        return None
    held = await _fetch_portions(run, int(words[2]), in_hexadecimal=words[3:] == ["61"])
    return (int(words[0]), held) if held is not None and checksum(held) == " ".join(words[1:3]) else None


async def _fetch_portions(run: Run, length: int, *, in_hexadecimal: bool) -> bytes | None:
    """Fetch `length` bytes; return None if the machine prints something else."""
    held, sizes = b"", list(_SIZES)
    while len(held) < length:
        size, tries = sizes[0]
        values = {"first": len(held) + 1, "size": len(held) // _BLOCK, "most": size}
        name = "print_portion" if in_hexadecimal else "print_portion_in_shell"
        text = program(name, **{key: Expanded(str(value)) for key, value in values.items()})
        try:
            status, output = await run(text, tries)
        except (NotVerified, LineDamaged):
            if len(sizes) == 1:
                raise
            del sizes[0]
            continue
        portion = _decoded(output) if in_hexadecimal else output[:-1]
        if status != HOLDS or not portion:
            return None
        held += portion
    return held


def _decoded(text: bytes) -> bytes:
    try:
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        return b""
