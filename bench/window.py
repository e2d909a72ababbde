"""(4) How long a login of ours is open without a switch that closes it: from the password to the ready mark."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import tempfile
from pathlib import Path

import sosagent

_RUNS = 5
_PASSWORD, _MARK = re.compile(r"\(a secret\)"), re.compile(r"SO[0-9a-f]{3}\r")
_START = re.compile(r"HISTFILE=|/bin/sh -c")


def vm() -> None:
    """In the Debian machine in QEMU, through OpenSSH. Needs root."""
    from tests.vm.image import PASSWORD
    from tests.vm.machine import machine

    key = sosagent.parse_public_keys("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43 + " window")
    whole: list[float] = []
    typed: list[float] = []
    with machine() as running, tempfile.TemporaryDirectory() as folder:
        for run in range(_RUNS):
            cast = Path(folder) / f"{run}.cast"
            asyncio.run(sosagent.add_key(running.target, key, password=PASSWORD, transcript=cast, dry_run=True))
            events = [json.loads(line) for line in cast.read_text().splitlines()[1:]]
            at = {
                "password": next(when for when, kind, text in events if kind == "i" and _PASSWORD.search(text)),
                "start": next(when for when, kind, text in events if kind == "i" and _START.search(text)),
                "mark": next(when for when, kind, text in events if kind == "o" and _MARK.search(text)),
            }
            whole.append(at["mark"] - at["password"])
            typed.append(at["mark"] - at["start"])
    print(f"the window before the ready mark in the VM, median of {_RUNS}")
    print(f"  from the password    {statistics.median(whole):6.2f} s   (the machine's own login is in it)")
    print(f"  from the prompt      {statistics.median(typed):6.2f} s   (the start line typed, echoed, answered)")
