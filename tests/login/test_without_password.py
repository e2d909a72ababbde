"""Logins without a password, and root by su: the shell is found whatever its prompt is. Real gettys and shells."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

import sosagent

from ..support.logins import PASSWORD, USER, RealConsole, real_console

_KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'B' * 43} new@host"
_PAM = """auth required pam_unix.so nullok
account required pam_unix.so
session required pam_unix.so
session optional pam_motd.so motd=FOLDER/motd noupdate
"""


class Account(NamedTuple):
    """The shell of an account, and its profile."""

    shell: str
    profile: dict[str, str]


def _bash(text: str) -> Account:
    return Account("/bin/bash", {".profile": text, ".bashrc": text})


_ACCOUNTS = {
    "bash, the usual prompt": _bash("PS1='# '"),
    "bash, no prompt": _bash("PS1="),
    "bash, a prompt without a sign": _bash("PS1='root at vm'"),
    "bash, a prompt like getty's": _bash("PS1='vm login: '"),
    "bash, a prompt of two lines": _bash("PS1='[\\w]\\nready: '"),
    "bash, a slow profile with progress": _bash("for i in 20 40 60;do printf \"$i%% \";sleep 0.7;done;echo;PS1='go: '"),
    "bash, echo turned off": _bash("PS1='quiet: '; stty -echo"),
    "dash, no prompt": Account("/bin/dash", {".profile": "PS1="}),
    "dash, a prompt without a sign": Account("/bin/dash", {".profile": "PS1='root at vm'"}),
}
#: The accounts that are reached by su; both lead to the same search.
_BY_SU = (
    "bash, the usual prompt", "bash, no prompt", "bash, a prompt of two lines", "bash, a slow profile with progress",
)  # fmt: skip


async def _add(console: RealConsole, home: Path, **options: object) -> None:
    """Add a key for root, and check that it is there and that nobody is logged in afterwards."""
    await console.started()  # the tty's own echo would be no evidence of a getty
    done = await sosagent.add_key(console, _KEY, timeout=110, user="root", **options)  # type: ignore[arg-type]
    assert (done.status, done.logged_out) == ("added", True), done
    assert _KEY in (home / ".ssh" / "authorized_keys").read_text()
    await _closed(console)


async def _closed(console: RealConsole) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            while console.shell_open:
                await asyncio.sleep(0.05)
    assert not console.shell_open


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", [name for name in _ACCOUNTS if name not in _BY_SU])
async def test_an_account_without_a_password(name: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    account = _ACCOUNTS[name]
    async with real_console(tmp_path, account.shell, account.profile, pam=_PAM) as console:
        (tmp_path / "shadow").write_text("root::19000:0:99999:7:::\n")
        await _add(console, tmp_path / "home", password="never typed")


@pytest.mark.sample(4)
@pytest.mark.parametrize("name", _BY_SU)
async def test_root_by_su(name: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    account = _ACCOUNTS[name]
    async with real_console(tmp_path, account.shell, account.profile, pam=_PAM) as console:
        await _add(console, tmp_path / "home", password=PASSWORD, login=USER, become="su")
