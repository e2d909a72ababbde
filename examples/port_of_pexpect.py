"""A login by pexpect that adds a key, and beside each of its lines what stands for it with sosagent.

Run:  SOS_PASSWORD_FILE=root.password python port_of_pexpect.py pexpect|sosagent|console web1-sos KEYFILE

`by_console` is the port line by line, for dialogues that sosagent has no job for; `by_sosagent` is what to use here.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
from pathlib import Path

import pexpect

import sosagent

PROMPT = r"[#$] $"


def by_pexpect(host: str, password: str, key: str) -> None:
    """The script as it is found in many places. What it does not see to stands beside it."""
    child = pexpect.spawn("ssh", ["-tt", host], encoding="utf-8", timeout=30)
    child.send("\r")  # runs what somebody may have typed there half
    child.expect("login: $")  # and where a shell, an editor or a boot is on the console?
    child.sendline("root")
    child.expect("assword: $")
    child.sendline(password)  # into whatever asks for it
    child.expect(PROMPT)  # a wrong password is a timeout
    child.sendline(f"mkdir -p ~/.ssh; echo {shlex.quote(key)} >> ~/.ssh/authorized_keys")  # twice, or damaged
    child.expect(PROMPT)  # whether it worked is not known
    child.sendline("exit")  # not if anything before it has failed
    child.expect("login: $")
    child.close(force=True)


async def by_console(host: str, password: sosagent.Secret, key: str) -> None:
    """The same lines: `expect` and `send` are pexpect's in shape, and every error says what the console showed."""
    async with sosagent.connect(host, timeout=120) as console:  # pexpect.spawn, with the host key checked
        await console.send("\r")  # child.send
        await console.expect("login: $", 30)  # child.expect; prompts match on the open line only
        await console.send("root\r")  # child.sendline
        await console.expect("assword: $", 30)
        await console.send_secret(password)  # child.sendline, and it is in no log
        await console.expect(PROMPT, 30)
        await console.send(f"mkdir -p ~/.ssh; echo {shlex.quote(key)} >> ~/.ssh/authorized_keys\r")
        await console.expect(PROMPT, 30)
        await console.send("exit\r")
        await console.expect("login: $", 30)


async def by_sosagent(host: str, password: sosagent.Secret, key: str) -> None:
    """What all of that was for."""
    result = await sosagent.add_key(host, key, password=password)
    print(result.status, result.file)


def main(way: str, host: str, keyfile: str) -> None:
    """Add the key in one of the three ways."""
    password = sosagent.find_password(file=Path(os.environ["SOS_PASSWORD_FILE"]))
    key = Path(keyfile).read_text().strip()
    if way == "pexpect":
        by_pexpect(host, password.reveal(), key)
    else:
        asyncio.run({"console": by_console, "sosagent": by_sosagent}[way](host, password, key))


if __name__ == "__main__":
    main(*sys.argv[1:])
