"""The faults of a serial line, and how they are written on the command line.

A UART without flow control loses bytes that arrive while its FIFO is full. Long or bad cables drop, double and flip
bytes. The kernel prints into the middle of other output. Connections end at any byte.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import UsageError
from ..printable import printable

__all__ = ["Faults"]


@dataclass(frozen=True)
class Faults:
    """The faults of a line; none by default.

    Fields:
        drop, double, flip: the probability that a byte is lost, arrives twice, or has one bit inverted; for each
            direction.
        klog: kernel lines per second on average, printed in the middle of other output; fewer on a line that is too
            slow for them.
        baud: speed of the line in both directions, in bits per second; 0 for no limit.
        fifo: bytes that the machine's UART can hold. Bytes that arrive while it is full are lost. 0 for no limit.
        fifo_seconds: the interval at which the machine empties the UART.
        longest: characters of a typed line that the machine accepts (MAX_CANON of a tty); 0 for no limit.
        stall: seconds for which the line stops, once, after `stall_after` bytes in both directions together.
        cut: number of bytes in both directions after which the connection ends, once; 0 for never.
        seed: seed of all random decisions.
    """

    drop: float = 0.0
    double: float = 0.0
    flip: float = 0.0
    klog: float = 0.0
    baud: int = 0
    fifo: int = 0
    fifo_seconds: float = 0.01
    longest: int = 0
    stall: float = 0.0
    stall_after: int = 0
    cut: int = 0
    seed: int = 0

    @classmethod
    def parse(cls, text: str) -> Faults:
        """Parse faults such as ``drop=1e-3,klog=20/s,baud=9600,fifo=16,stall=2@500,cut=4711,seed=7``.

        Raises:
            UsageError: a fault is unknown, or its value is invalid.
        """
        faults = cls()
        for word in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = word.partition("=")
            values = _PARSERS[name](value) if name in _PARSERS else None
            if values is None:
                raise UsageError(
                    f"{printable(word, 60)!r} is not a valid fault of a line",
                    hint=f"Valid faults are {', '.join(_EXAMPLES)}; separate several with commas.",
                )
            faults = replace(faults, **values)
        return faults


# Each parser returns the fields of `Faults` for a value, or None if the value is invalid.


def _probability(name: str) -> Callable[[str], dict[str, float] | None]:
    def read(value: str) -> dict[str, float] | None:
        number = _number(value)
        return {name: number} if number is not None and number <= 1 else None

    return read


def _count(name: str) -> Callable[[str], dict[str, int] | None]:
    return lambda value: {name: int(value)} if re.fullmatch(r"\d{1,9}", value, re.ASCII) else None


def _klog(value: str) -> dict[str, float] | None:
    number = _number(value.removesuffix("/s"))
    return None if number is None else {"klog": number}


def _fifo(value: str) -> dict[str, float] | None:
    match = re.fullmatch(r"(\d{1,6})(?:/([\d.]+)s?)?", value, re.ASCII)
    if match is None:
        return None
    seconds = _number(match[2]) if match[2] else Faults.fifo_seconds
    return {"fifo": int(match[1]), "fifo_seconds": seconds} if seconds else None


def _stall(value: str) -> dict[str, float] | None:
    match = re.fullmatch(r"([\d.]+)s?@(\d{1,9})", value, re.ASCII)
    seconds = _number(match[1]) if match else None
    return {"stall": seconds, "stall_after": int(match[2])} if match and seconds is not None else None


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(r"\d+(?:\.\d*)?(?:[eE]-?\d{1,2})?", value, re.ASCII) else None


_EXAMPLES = ("drop=1e-3", "double=1e-3", "flip=1e-4", "klog=20/s", "baud=9600", "fifo=16", "longest=255", "stall=2@500",
             "cut=4711", "seed=7")  # fmt: skip
_PARSERS: dict[str, Callable[[str], dict[str, float] | dict[str, int] | None]] = {
    **{name: _probability(name) for name in ("drop", "double", "flip")},
    **{name: _count(name) for name in ("baud", "longest", "cut", "seed")},
    "klog": _klog,
    "fifo": _fifo,
    "stall": _stall,
}
