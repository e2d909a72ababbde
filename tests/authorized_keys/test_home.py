"""A profile that changes HOME: the file of the account's own home is edited, which is the one that sshd reads."""

from __future__ import annotations

from pathlib import Path

import pytest

import sosagent

from ..support.logins import PASSWORD, real_console

_KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'B' * 43} new@host"
_OLD = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'C' * 43} old@host\n"


@pytest.mark.parametrize("value", ["{other}", "", "/nonexistent"])
async def test_the_home_of_the_account_counts(value: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    home, other = tmp_path / "home", tmp_path / "other"
    profile = f"export HOME='{value.format(other=other)}'\n"
    for folder in (home, other):
        (folder / ".ssh").mkdir(mode=0o700, parents=True)
        (folder / ".ssh" / "authorized_keys").write_text(_OLD)
    async with real_console(tmp_path, "/bin/dash", {".profile": profile}) as console:
        done = await sosagent.add_key(console, _KEY, password=PASSWORD, timeout=60)
        listed = await sosagent.list_keys(console, password=PASSWORD, timeout=60)
    assert done.status == "added"
    assert (home / ".ssh" / "authorized_keys").read_text() == f"{_OLD}{_KEY}\n"
    assert (other / ".ssh" / "authorized_keys").read_text() == _OLD
    assert [key.text for key in listed.keys] == [_OLD.rstrip(), _KEY]
