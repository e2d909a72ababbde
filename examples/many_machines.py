"""Add a key to many machines, a few at a time, and print a table. A failure does not stop the other machines.

Run:  SOS_PASSWORD_FILE=root.password python many_machines.py ~/.ssh/id_ed25519.pub web1-sos web2-sos web3-sos

The exit status is the number of machines that failed.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import sosagent

AT_ONCE = 8  # a load that the endpoint and this computer can handle
SECONDS = 180.0  # for each machine


async def add(host: str, key: str, password: sosagent.Secret, slots: asyncio.Semaphore) -> tuple[str, str, str]:
    """Return a row of the table: the machine, the outcome, and the details or what to do next."""
    async with slots:
        try:
            result = await sosagent.add_key(host, key, password=password, timeout=SECONDS)
        except sosagent.SosError as error:
            return host, "FAILED", f"{error} {error.hint}"
    return host, result.status, f"{result.file} on {result.hostname}, {result.seconds:.1f} s"


async def main(keyfile: str, hosts: list[str]) -> int:
    """Add the key to all machines, and return the number of failures."""
    key = Path(keyfile).read_text()
    password = sosagent.find_password(file=Path(os.environ["SOS_PASSWORD_FILE"]))
    slots = asyncio.Semaphore(AT_ONCE)
    rows = await asyncio.gather(*(add(host, key, password, slots) for host in hosts))
    width = max(len(host) for host in hosts)
    for host, status, details in rows:
        print(f"{host:{width}}  {status:8}  {details}")
    return sum(status == "FAILED" for _, status, _ in rows)


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], sys.argv[2:])))
