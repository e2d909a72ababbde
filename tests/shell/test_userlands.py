"""Machines with the tools of one userland, behind the real agetty and login: jobs work, and no shell stays open."""

from __future__ import annotations

from pathlib import Path

import pytest

import sosagent

from ..conftest import new_key, until
from ..support.logins import PASSWORD
from ..support.userlands import USERLANDS, machine_of

_OLD = new_key("old")
_REFUSED = {"9base": "ls of this machine"}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", USERLANDS)
async def test_a_key_is_added(name: str, tmp_path: Path) -> None:
    key = new_key("new")
    async with machine_of(name, tmp_path) as (console, home):
        file = home / ".ssh" / "authorized_keys"
        file.parent.mkdir(mode=0o700)
        file.write_text(f"{_OLD.line}\n")
        file.chmod(0o600)
        if name in _REFUSED:
            with pytest.raises(sosagent.EditRefused, match=_REFUSED[name]):
                await sosagent.add_key(console, key, password=PASSWORD, timeout=90.0)
            await until(lambda: not console.shell_open, 5)
            return
        done = await sosagent.add_key(console, key, password=PASSWORD, timeout=90.0)
        assert (done.status, done.logged_out) == ("added", True)
        assert done.exchanges < 16, "nothing is repeated"
        assert file.read_text() == f"{_OLD.line}\n{key.line}\n"
        await until(lambda: not console.shell_open, 5)
