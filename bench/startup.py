"""(1) How long `sos-addkey --help` and `sosagent --help` take, compared with `python -c pass`."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_RUNS = 15


def main() -> None:
    """Print medians of wall and CPU seconds, and the ratio to an empty Python program."""
    calls = {"python -c pass": [sys.executable, "-c", "pass"]}
    for program in ("sos-addkey", "sosagent"):
        calls[f"{program} --help"] = [str(Path(sys.executable).with_name(program)), "--help"]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for run in range(_RUNS + 1):
        for name, call in calls.items():
            seconds = _measure(call)
            if run:  # the first run compiles modules and warms the caches
                times[name].append(seconds)
    print(f"start-up, medians of {_RUNS} interleaved runs")
    empty = [statistics.median(column) for column in zip(*times["python -c pass"], strict=True)]
    for name, measured in times.items():
        wall, cpu = (statistics.median(column) for column in zip(*measured, strict=True))
        print(f"  {name:<20} {wall:6.3f} s ({wall / empty[0]:4.1f} x)   CPU {cpu:6.3f} s ({cpu / empty[1]:4.1f} x)")


def _measure(call: Sequence[str]) -> tuple[float, float]:
    """Run a program, and return the seconds of wall and of CPU time that it took."""
    # With compiled modules, as pip installs them.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(call, stdout=subprocess.DEVNULL, check=True, env=environment)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
