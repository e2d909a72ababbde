"""(2) Throughput of expect in MiB/s on a console log that matches only at its end, compared with pexpect."""

from __future__ import annotations

import resource
import time
from typing import Any

from pexpect.expect import Expecter as PexpectExpecter
from pexpect.expect import searcher_re
from pexpect.spawnbase import SpawnBase

from sosagent.terminal.expect import Expecter, compile_patterns

_PATTERNS = [r"login: $", r"[Pp]assword: $", r"# $"]
_LINE = b"[%12.6f] usb 1-1.%d: new high-speed USB device number %d using xhci_hcd\r\n"
_SIZES = (1, 4, 16, 64)
_PORTIONS = (64, 1024, 16384)
#: pexpect without a window is quadratic: 1 MiB in 64-byte portions took 33.7 s.
_PEXPECT_LIMIT: dict[tuple[int, int | None], float] = {(64, None): 0.25, (1024, None): 1, (16384, None): 4}


def main() -> None:
    print("expect, MiB/s of console log (three prompts, found at the end)")
    print(
        f"  {'MiB':>6} {'portion':>8} {'sosagent':>10} {'pexpect':>10} {'pexpect, window 4096':>22} {'memory grew':>12}"
    )
    for size in _SIZES:
        log = _log(size)
        for portion in _PORTIONS:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            ours = size / _ours(log, portion)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            theirs = [_shown(log, size, portion, window) for window in (None, 4096)]
            print(f"  {size:>6} {portion:>8} {ours:>10.1f} {theirs[0]:>10} {theirs[1]:>22} {grown:>8.1f} MiB")


def _log(size: int) -> bytes:
    lines: list[bytes] = []
    length = 0
    while length < size << 20:
        lines.append(_LINE % (len(lines) / 7, len(lines) % 9, len(lines)))
        length += len(lines[-1])
    return b"".join(lines)[: size << 20]


def _ours(log: bytes, portion: int) -> float:
    expecter, patterns = Expecter(), compile_patterns(_PATTERNS)
    start = time.perf_counter()
    for at in range(0, len(log), portion):
        expecter.feed(log[at : at + portion])
        assert expecter.find(patterns) is None
    expecter.feed(b"\r\nvm login: ")
    assert expecter.find(patterns) is not None
    return time.perf_counter() - start


def _shown(log: bytes, size: int, portion: int, window: int | None) -> str:
    if size > _PEXPECT_LIMIT.get((portion, window), 16):
        return "-"
    return f"{size / _pexpect(log, portion, window):.1f}"


def _pexpect(log: bytes, portion: int, window: int | None) -> float:
    spawn: Any = SpawnBase(searchwindowsize=window)
    compiled = spawn.compile_pattern_list([pattern.encode() for pattern in _PATTERNS])
    expecter: Any = PexpectExpecter(spawn, searcher_re(compiled), window or -1)
    start = time.perf_counter()
    for at in range(0, len(log), portion):
        expecter.new_data(log[at : at + portion])
    assert expecter.new_data(b"\r\nvm login: ") is not None
    return time.perf_counter() - start
