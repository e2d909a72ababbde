"""The machine with a system of its own: uid 0, host name, users and files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest

import sosagent
from sosagent.lab import Lab, open_lab
from sosagent.lab.ssh_server import missing_for_sshd

from ..conftest import new_key, target_of


@pytest.fixture
async def machine() -> AsyncIterator[Lab]:
    """A lab whose machine has a system of its own."""
    async with open_lab(machine="web-1", own_system=True) as lab:
        if lab.no_system:
            pytest.skip(lab.no_system)
        yield lab


async def answers(lab: Lab, *programs: str) -> list[str]:
    """Return what root sees on the machine, one line for each program."""
    async with sosagent.root_shell(target_of(lab), password=lab.password) as shell:
        return [(await shell.run(f"{program} 2>&1")).output.decode().strip() for program in programs]


async def test_it_says_what_a_machine_says(machine: Lab) -> None:
    assert await answers(machine, "id -u", "id -un", "hostname", "echo ~", "echo ~operator", "tty </dev/ttyS1") == [
        "0", "root", "web-1", "/root", "/home/operator", "/dev/ttyS1",
    ]  # fmt: skip


async def test_a_key_is_added(machine: Lab) -> None:
    key = new_key()
    done = await sosagent.add_key(target_of(machine), [key], password=machine.password, expect_host="web-1")
    assert (done.status, done.file, done.warnings, done.problems) == ("added", "/root/.ssh/authorized_keys", (), ())
    assert machine.authorized_keys.read_text() == f"{key.line}\n"


async def test_its_sshd_lets_an_added_key_in(machine: Lab, tmp_path: Path) -> None:
    if machine.ssh_port is None:
        pytest.skip(f"{missing_for_sshd()} is not installed")
    private = asyncssh.generate_private_key("ssh-ed25519")
    file = tmp_path / "id"
    private.write_private_key(str(file))
    file.chmod(0o600)
    keys = sosagent.parse_public_keys(private.export_public_key(), "generated")
    verify = sosagent.Verify("127.0.0.1", machine.ssh_port, (file,), agent=False, ssh_config=Path("/dev/null"))
    done = await sosagent.add_key(target_of(machine), keys, password=machine.password, verify=verify)
    assert done.verification is not None
    assert (done.verification.outcome, done.verification.causes) == ("works", ()), done.verification
    async with asyncssh.connect(
        "127.0.0.1", machine.ssh_port, username="root", client_keys=[private], known_hosts=None, config=None
    ) as connection:
        shown = await connection.run("id -u; whoami; hostname; echo $HOME")
    assert shown.stdout == "0\nroot\nweb-1\n/root\n"
