"""Compare a pexpect script that adds a key with two equivalents that use sosagent.

Run:  SOS_PASSWORD_FILE=root.password python port_of_pexpect.py pexpect|sosagent|console web1-sos KEYFILE

`by_console` ports the script line by line, which suits dialogues that sosagent has no job for. To add a key, use
`by_sosagent`.
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
    """Add the key the way many scripts do. The comments point out the problems."""
    child = pexpect.spawn("ssh", ["-tt", host], encoding="utf-8", timeout=30)
    child.send("\r")  # runs unfinished input that another user may have left
    child.expect("login: $")  # fails if a shell, an editor or boot messages are on the console
    child.sendline("root")
    child.expect("assword: $")
    child.sendline(password)  # to any program that asks for it
    child.expect(PROMPT)  # a wrong password ends in a timeout
    child.sendline(f"mkdir -p ~/.ssh; echo {shlex.quote(key)} >> ~/.ssh/authorized_keys")  # may run twice
    child.expect(PROMPT)  # does not show whether it worked
    child.sendline("exit")  # is skipped if anything above fails
    child.expect("login: $")
    child.close(force=True)


async def by_console(host: str, password: sosagent.Secret, key: str) -> None:
    """Add the key with the same dialogue. Each error includes the last lines of the console."""
    async with sosagent.connect(host, timeout=120) as console:  # pexpect.spawn; checks the host key
        await console.send("\r")  # child.send
        await console.expect("login: $", 30)  # child.expect; a prompt matches only on the open line
        await console.send("root\r")  # child.sendline
        await console.expect("assword: $", 30)
        await console.send_secret(password)  # child.sendline; keeps the password out of logs
        await console.expect(PROMPT, 30)
        await console.send(f"mkdir -p ~/.ssh; echo {shlex.quote(key)} >> ~/.ssh/authorized_keys\r")
        await console.expect(PROMPT, 30)
        await console.send("exit\r")
        await console.expect("login: $", 30)


async def by_sosagent(host: str, password: sosagent.Secret, key: str) -> None:
    """Add the key with the job that sosagent has for it."""
    result = await sosagent.add_key(host, key, password=password)
    print(result.status, result.file)


def main(method: str, host: str, keyfile: str) -> None:
    """Add the key with one of the three methods."""
    password = sosagent.find_password(file=Path(os.environ["SOS_PASSWORD_FILE"]))
    key = Path(keyfile).read_text().strip()
    if method == "pexpect":
        by_pexpect(host, password.reveal(), key)
    else:
        asyncio.run({"console": by_console, "sosagent": by_sosagent}[method](host, password, key))


if __name__ == "__main__":
    main(*sys.argv[1:])
