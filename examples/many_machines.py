"""Add a key to many machines, a few at a time, and print a table. One that fails does not stop the others.

Run:  SOS_PASSWORD_FILE=root.password python many_machines.py ~/.ssh/id_ed25519.pub web1-sos web2-sos web3-sos

The exit status is the number of machines that failed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import sosagent

AT_ONCE = 8  # what the endpoint, and the machine that this runs on, can bear
SECONDS = 180.0  # for each machine


async def add(host: str, key: str, password: sosagent.Secret, turn: asyncio.Semaphore) -> tuple[str, str, str]:
    """A row of the table: the machine, what came of it, and what to do next."""
    async with turn:
        try:
            result = await sosagent.add_key(host, key, password=password, timeout=SECONDS)
        except sosagent.SosError as error:
            return host, "FAILED", f"{error} {error.hint}"
    return host, result.status, f"{result.file} on {result.hostname}, {result.seconds:.1f} s"


async def main(keyfile: str, hosts: list[str]) -> int:
    """Add the key everywhere; the number of machines that failed."""
    key = Path(keyfile).read_text()
    password = sosagent.find_password(file=Path(os.environ["SOS_PASSWORD_FILE"]))
    turn = asyncio.Semaphore(AT_ONCE)
    rows = await asyncio.gather(*(add(host, key, password, turn) for host in hosts))
    width = max(len(host) for host in hosts)
    for host, status, more in rows:
        print(f"{host:{width}}  {status:8}  {more}")
    return sum(status == "FAILED" for _, status, _ in rows)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
