"""A program as users write it. test_api.py checks it with mypy, and expects an error for each line after WRONG."""

from __future__ import annotations

import asyncio
from typing import assert_type

import sosagent
import sosagent.blocking

PASSWORD = sosagent.Secret("x")


async def main(key: str) -> list[str]:
    """Use each public call once."""
    added = await sosagent.add_key("web1-sos", key, password=PASSWORD, login="root", dry_run=True)
    assert_type(added, sosagent.AddKeyResult)
    assert_type(await sosagent.list_keys("web1-sos", password=None, user="alice"), sosagent.KeyListing)
    assert_type(await sosagent.remove_key("web1-sos", [key], password="x", force=True), sosagent.KeysRemoved)
    assert_type(await sosagent.host_keys("web1-sos", password=PASSWORD, become="sudo"), sosagent.HostKeys)
    async with (
        sosagent.connect("web1-sos", timeout=30) as console,
        sosagent.root_shell(console, password=PASSWORD) as shell,
    ):
        assert_type(shell, sosagent.Shell)
        result = await shell.run("uname -r")
        assert_type(console.screen(), list[str])
    state = await sosagent.console_state("web1-sos", poke=True)
    return [*result.lines, state.name]


def blocking(key: str) -> int:
    """The same without asyncio."""
    assert_type(sosagent.blocking.add_key("web1-sos", key, password=PASSWORD), sosagent.AddKeyResult)
    assert_type(sosagent.blocking.console_state("web1-sos"), sosagent.ConsoleState)
    with sosagent.blocking.connect("web1-sos", timeout=30) as console:
        assert_type(console.expect("login: $", 10), sosagent.Match)
        assert_type(console.screen(), list[str])
        console.login(PASSWORD, become="sudo")
    with sosagent.blocking.root_shell("web1-sos", password=PASSWORD) as shell:
        return shell.run("true").status


# WRONG: sosagent.blocking.add_key("web1-sos", "key")
# WRONG: sosagent.blocking.add_key("web1-sos", "key", password="x", logn="root")
# WRONG: sosagent.blocking.list_keys("web1-sos", password=3)
# WRONG: sosagent.blocking.root_shell("web1-sos", password="x", become="doas")
# WRONG: sosagent.blocking.console_state("web1-sos").nam
# WRONG: sosagent.blocking.connect("web1-sos").__enter__().send()
# WRONG: sosagent.blocking.connect("web1-sos").__enter__().expect("x", exac=True)

if __name__ == "__main__":
    print(asyncio.run(main("x")), blocking("x"))
