"""`ConnectedConsole`: login and logout, for `send` and `expect`."""

from __future__ import annotations

import asyncio

import pytest

import sosagent
import sosagent.blocking
from sosagent.lab import Lab


async def test_login_and_logout(lab: Lab, lab_target: sosagent.SshTarget) -> None:
    def in_use() -> bool:
        return lab.machine.in_use

    async with sosagent.connect(lab_target, timeout=60) as console:
        await console.login(lab.password)
        assert in_use()
        await console.send("echo $((40 + 2))\r")
        assert (await console.expect(r"\n(42)\n")).groups == ("42",)
        with pytest.raises(sosagent.UsageError, match="already logged in on this console"):
            await console.login(lab.password)
        await console.expect(r"# $")
        await console.logout()
        assert not in_use()
        await console.login(lab.password)  # a second time
        assert any("root@lab" in row for row in console.screen())
    assert not in_use()


@pytest.mark.parametrize("left", ["an error", "a cancellation", "unfinished input", "a wrong password"])
async def test_leaving_the_block_logs_out(left: str, lab: Lab, lab_target: sosagent.SshTarget) -> None:
    async def use() -> None:
        async with sosagent.connect(lab_target, timeout=60) as console:
            await console.login(sosagent.Secret("not this") if left == "a wrong password" else lab.password)
            if left == "an error":
                raise KeyError(left)
            await console.send("echo half")
            if left == "a cancellation":
                await asyncio.sleep(60)

    if left == "a cancellation":
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2):
                await use()
    elif left == "unfinished input":
        await use()
    else:
        with pytest.raises((KeyError, sosagent.LoginRefused)):
            await use()
    assert not lab.machine.in_use
