"""Run the benchmarks, and print their results as tables: `make bench`, or `python -m bench NAME...`.

Compare figures only within one run. Absolute times vary between machines and runs; ratios and medians vary less.
"""

from __future__ import annotations

import os
import sys

from . import add, expect, files, line, startup, states, window

_ALL = {
    "startup": startup.main,
    "expect": expect.main,
    "lab": add.lab,
    "baud": line.speed,
    "files": files.main,
    "memory": line.memory,
    "states": states.main,
    "getty": add.getty,
    "vm": add.vm,
    "window": window.vm,
}


def main() -> None:
    wanted = sys.argv[1:] or [name for name in _ALL if name not in ("vm", "window") or os.getuid() == 0]
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}\n")
    for name in wanted:
        _ALL[name]()
        print()
    if not sys.argv[1:] and os.getuid() != 0:
        print("The add in the VM needs root: sudo make bench")


if __name__ == "__main__":
    main()
