"""Machines with the tools of one userland, behind the real agetty and login: jobs work, and no shell stays open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import sosagent
from sosagent.session.shell import verified
from sosagent.shell.frame import cksum

from ..conftest import new_key, until
from ..support.logins import PASSWORD, CutConsole, real_console
from ..support.userlands import USERLANDS, machine_of

_OLD = new_key("old")
_REFUSED = {"9base": "ls of this machine"}


@pytest.mark.sample(3)
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
            await until(lambda: not console.shell_open)
            return
        done = await sosagent.add_key(console, key, password=PASSWORD, timeout=90.0)
        assert (done.status, done.logged_out) == ("added", True)
        assert done.exchanges < 16, "nothing is repeated"
        assert file.read_text() == f"{_OLD.line}\n{key.line}\n"
        await until(lambda: not console.shell_open)


#: Login shells that reject the start line, or that scroll it, and what their profile contains.
PROFILES = {
    "bash, PATH": ("/bin/bash", {".bash_profile": "PATH=/nowhere\n"}),
    "dash, PATH": ("/bin/dash", {".profile": "PATH=/nowhere\n"}),
    "tcsh, PATH": ("/usr/bin/tcsh", {".tcshrc": "setenv PATH /nowhere\n"}),
    "rc": ("/usr/lib/plan9/bin/rc", {}),
    "mksh, long prompt": ("/bin/mksh", {".profile": "PS1='root@a-machine-with-a-long-name:~# '\n"}),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", PROFILES)
async def test_a_login_shell_that_rejects_the_start_line(name: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    shell, files = PROFILES[name]
    async with real_console(tmp_path, shell, files) as console:
        async with sosagent.root_shell(console, password=PASSWORD, timeout=90.0) as opened:
            assert (await opened.run("echo A B;echo $LC_ALL")).lines == ["A B", "C"]
        await until(lambda: not console.shell_open)


@pytest.mark.parametrize("name", ["busybox", "mksh and toybox"])
async def test_a_key_of_another_user(name: str, tmp_path: Path) -> None:
    """su starts another shell, which needs the function cksum, too."""
    key = new_key("new")
    async with machine_of(name, tmp_path) as (console, _):
        home = tmp_path / "root" / "home" / "operator"
        (home / ".ssh").mkdir(parents=True)
        for folder in (home, home / ".ssh"):
            os.chown(folder, 1000, 1000)
        done = await sosagent.add_key(console, key, user="operator", password=PASSWORD, timeout=90.0)
        assert done.status == "added"
        assert (home / ".ssh" / "authorized_keys").read_text() == f"{key.line}\n"


async def test_without_su_no_file_of_another_user_is_touched(tmp_path: Path) -> None:
    async with machine_of("openwrt", tmp_path) as (console, _):
        with pytest.raises(sosagent.EditRefused, match="has no su"):
            await sosagent.add_key(console, new_key(), user="operator", password=PASSWORD, timeout=90.0)
        await until(lambda: not console.shell_open)


async def test_files_on_a_machine_without_cksum_and_od(tmp_path: Path) -> None:
    data = bytes(range(256)) * 20
    async with machine_of("openwrt", tmp_path) as (console, home):
        async with sosagent.root_shell(console, password=PASSWORD, timeout=90.0) as shell:
            assert (await shell.upload(data, "~/file")).cksum == cksum(data)
            assert (home / "file").read_bytes() == data
            assert (await shell.download("~/file", None)).data == data
            assert verified(shell).checksum_tool == "sha256sum"


async def test_files_are_refused_if_nothing_can_compare_them(tmp_path: Path) -> None:
    async with machine_of("no checksums, stty, env, id, od, hexdump", tmp_path) as (console, home):
        async with sosagent.root_shell(console, password=PASSWORD, timeout=90.0) as shell:
            with pytest.raises(sosagent.EditRefused, match="cannot be compared"):
                await shell.upload(b"\0\xff", "~/file")
            assert not (home / "file").exists()


@pytest.mark.parametrize("name", ["openwrt", "no checksums, stty, env, id, od, hexdump"])
async def test_an_existing_shell_is_left_open(name: str, tmp_path: Path) -> None:
    async with machine_of(name, tmp_path) as (console, home):
        (home / ".ssh").mkdir(mode=0o700)
        async with sosagent.connect(console, timeout=60) as typed:
            for prompt, answer in (("login: $", "root"), ("word: $", PASSWORD), ("# $", "mark=kept")):
                await typed.send("\r" if prompt.startswith("login") else "")
                await typed.expect(prompt)
                await typed.send(f"{answer}\r")
        done = await sosagent.add_key(console, new_key(), password=PASSWORD, timeout=90.0)
        assert (done.status, done.state_found) == ("added", "shell")
        async with sosagent.connect(console, timeout=60) as typed:
            await typed.send("echo $mark\r")
            await typed.expect("\nkept")


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("name", "tool"),
    [("busybox", "crc32"), ("openwrt", "sha256sum"), ("no checksums, stty, env, id, od, hexdump", "sh")],
)
async def test_the_next_run_ends_the_receiver_of_a_cut_run(name: str, tool: str, tmp_path: Path) -> None:
    async with machine_of(name, tmp_path) as (console, home):
        (home / ".ssh").mkdir(mode=0o700)
        connection = CutConsole(console)
        with pytest.raises(sosagent.EndpointLost):
            async with sosagent.root_shell(connection, password=PASSWORD, timeout=90.0) as shell:
                assert (await shell.run("echo A B")).lines == ["A B"]
                assert verified(shell).checksum_tool == tool
                connection.cut = True
                await shell.run("echo lost")
        assert console.shell_open
        done = await sosagent.add_key(console, new_key(), password=PASSWORD, timeout=90.0)
        assert (done.status, done.state_found, done.logged_out) == ("added", "receiver", True)
        await until(lambda: not console.shell_open)


@pytest.mark.damages
@pytest.mark.parametrize("damage", [b"\x03", b"\x04", b"\x15", b"\x1a", b"~", b""])
async def test_damage_without_raw_mode(damage: bytes, tmp_path: Path) -> None:
    """The tty keeps its echo, its line editing and its signals. A byte of each request becomes another key."""
    async with machine_of("openwrt", tmp_path) as (console, _):
        async with sosagent.root_shell(console, password=PASSWORD, timeout=90.0) as shell:
            write, damaged = console.write, 0

            async def damage_once(data: bytes) -> None:
                nonlocal damaged
                if b")echo" in data and damaged % 2 == 0:
                    data = data.replace(b"w", damage, 1)
                damaged += b"echo" in data
                await write(data)

            console.write = damage_once  # type: ignore[method-assign]
            for number in range(2):
                assert (await shell.run(f"echo xwx {number}")).lines == [f"xwx {number}"]
            assert damaged == 4
        await until(lambda: not console.shell_open)
