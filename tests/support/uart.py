"""Simulates a UART that reads data sent at another speed: eight data bits, no parity, one stop bit."""

from __future__ import annotations

__all__ = ["misread"]


def misread(data: bytes, sent_at: int, read_at: int) -> bytes:
    """Return the bytes that arrive, for one burst without pauses on a line that is idle before and after.

    Framing errors are ignored, as on Linux by default (no INPCK): the byte counts as it was read.
    """
    levels = "1" + "".join(f"0{byte:08b}"[0] + f"{byte:08b}"[::-1] + "1" for byte in data) + "1" * 40

    def level(time: float) -> str:
        at = int(time * sent_at)
        return levels[at] if at < len(levels) else "1"

    read = bytearray()
    step = 1 / (16 * read_at)
    time, end = 0.0, (len(levels) - 30) / sent_at
    while time < end:
        if level(time) == "1" or level(time + 8 * step) == "1":
            time += step
            continue
        bits = "".join(level(time + (1.5 + bit) / read_at) for bit in range(8))
        read.append(int(bits[::-1], 2))
        time += 9.5 / read_at
        while level(time) == "0" and time < end:  # the line must be high again before another start
            time += step
    return bytes(read)
