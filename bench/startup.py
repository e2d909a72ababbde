"""(1) How long `sos-addkey --help` takes, beside `python -c pass`."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_RUNS = 15


def main() -> None:
    command = str(Path(sys.executable).with_name("sos-addkey"))
    rows = {"python -c pass": [sys.executable, "-c", "pass"], "sos-addkey --help": [command, "--help"]}
    times: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(_RUNS):
        for name, call in rows.items():
            times[name].append(_wall(call))
    print(f"start-up, median of {_RUNS}, side by side")
    for name, taken in times.items():
        print(f"  {name:<20} {statistics.median(taken):6.3f} s")


def _wall(call: Sequence[str]) -> float:
    start = time.perf_counter()
    subprocess.run(call, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start
