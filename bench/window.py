"""(4) How long our login is open before the dead-man's switch runs: from the password to the ready mark."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import tempfile
from pathlib import Path

import sosagent

_RUNS = 5
_PASSWORD, _START = "(a secret)", re.compile(r'HISTFILE=|"/bin/sh" "-c"')


def _moments(cast: Path) -> dict[str, float]:
    """The times at which texts were typed in a run, and at which the machine sent the ready mark."""
    events = [json.loads(line) for line in cast.read_text().splitlines()[1:]]
    typed = [(when, text) for when, kind, text in events if kind == "i"]
    start = next(number for number, (_, text) in enumerate(typed) if _START.search(text))
    receiver = typed[start + 2][0]  # sent after Enter, when the start line's shell listens
    return {
        "password": next(when for when, text in typed if text.startswith(_PASSWORD)),
        "start": typed[start][0],
        "collects": receiver,
        "ready": next(when for when, kind, text in events if kind == "o" and when > receiver and "=" in text),
    }


def vm() -> None:
    """Measure it on the Debian machine in QEMU, through OpenSSH. Needs root."""
    from tests.vm.image import PASSWORD
    from tests.vm.machine import machine

    key = sosagent.parse_public_keys("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43 + " window")
    runs: list[dict[str, float]] = []
    with machine() as running, tempfile.TemporaryDirectory() as folder:
        for run in range(_RUNS):
            cast = Path(folder) / f"{run}.cast"
            asyncio.run(sosagent.add_key(running.target, key, password=PASSWORD, transcript=cast, dry_run=True))
            runs.append(_moments(cast))

    def took(begun: str, ended: str) -> float:
        return statistics.median(at[ended] - at[begun] for at in runs)

    print(f"how long a shell of ours is open without the dead-man's switch, in the VM, median of {_RUNS}")
    print(
        f"  from the password to the switch     {took('password', 'ready'):6.2f} s   (the machine's own login is in it)"
    )
    print(f"  from the start line to the switch   {took('start', 'ready'):6.2f} s")
    print(f"  of it, until 25 s of silence end it {took('start', 'collects'):6.2f} s")
