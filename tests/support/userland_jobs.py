"""Every program of sosagent/shell/remote on machines with the tools of one userland; see `userlands`.

`python -m tests.support.userland_jobs [NAME ...]` (part of `make soak`) runs all jobs on each userland, in one login
each. sshd, ssh-keygen and ssh-keyscan are the real ones of this computer. It needs root.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from _pytest.outcomes import Skipped

import sosagent
from sosagent.access import Access, access_to
from sosagent.authorized_keys.append import append_keys
from sosagent.authorized_keys.edits import Review
from sosagent.authorized_keys.inspection import examine, inspect
from sosagent.authorized_keys.key_file import KeyFile, key_file_of
from sosagent.authorized_keys.outcome import Appended
from sosagent.authorized_keys.report import parse_report
from sosagent.authorized_keys.rewrite import remove_keys, repair_keys
from sosagent.jobs.host_keys import parse_host_keys
from sosagent.jobs.keys import _list_in
from sosagent.session.machine import There, at_machine, rights_of
from sosagent.shell import held_output
from sosagent.shell.command import Command, command_script, execute
from sosagent.shell.frame import cksum
from sosagent.shell.programs import Expanded, program
from sosagent.shell.shell import Shell

from ..conftest import new_key, until
from .logins import PASSWORD
from .ports import wait_for
from .userlands import USERLANDS, _install, machine_of

__all__ = ["JOBS", "World", "install_sshd", "run_jobs"]

_SECONDS = 180.0
_DATA = bytes(range(256)) * 8 + b"\n" * 40
_PLAIN = "UsePAM yes\n"
_OLD, _NEW, _THIRD = new_key("old"), new_key("new"), new_key("third")


@dataclass
class World:
    """A machine, and our shell on it.

    Fields:
        access: how we got there.
        there: our shell.
        root: the folder that is the machine's /.
        home: root's home, as seen from outside.
    """

    access: Access
    there: There
    root: Path
    home: Path

    @property
    def shell(self) -> Shell:
        """The verified shell."""
        return self.there.session.shell

    @property
    def file(self) -> Path:
        """Root's authorized_keys, as seen from outside."""
        return self.home / ".ssh" / "authorized_keys"

    @property
    def key_file(self) -> KeyFile:
        """The same on the machine."""
        path = f"/{self.file.relative_to(self.root)}"
        return replace(key_file_of(**rights_of(self.access, self.there.session, "root")), path=path)

    def write(self, text: str | bytes) -> None:
        """Replace the contents of authorized_keys."""
        self.file.parent.mkdir(mode=0o700, exist_ok=True)
        self.file.write_bytes(text.encode() if isinstance(text, str) else text)
        self.file.chmod(0o600)

    def configure(self, text: str) -> None:
        """Write sshd_config."""
        (self.root / "etc/ssh/sshd_config").write_text(text)

    async def append(self, *keys: sosagent.PublicKey, end: datetime | None = None) -> Appended:
        """Add keys to root's file."""
        return await append_keys(self.shell, keys, **rights_of(self.access, self.there.session, "root"), until=end)

    async def lines(self, *parts: str, **values: str) -> list[str]:
        """Return what a program prints."""
        return (await self.shell.run(program(*parts, **values))).lines


def _results(done: Appended) -> list[str]:
    return [one.result for one in done.keys]


async def _create(world: World) -> None:
    done = await world.append(_OLD)
    assert (_results(done), done.problems) == (["added"], ()), done
    assert world.file.read_text() == f"{_OLD.line}\n"
    assert (world.file.stat().st_mode & 0o777, world.file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def _append(world: World) -> None:
    for old in (f"{_OLD.line}\n", _OLD.line, "# gr\xfc\xdfe\r\n".encode("latin-1"), b"\\n %s \\\n", b""):
        world.write(old)
        before = world.file.read_bytes()
        done = await world.append(_NEW)
        assert (_results(done), done.problems) == (["added"], ()), (old, done)
        newline = b"" if not before or before.endswith(b"\n") else b"\n"
        assert world.file.read_bytes() == before + newline + _NEW.line.encode() + b"\n", old
    assert _results(await world.append(_NEW)) == ["present"]


async def _append_comment(world: World) -> None:
    """The comment of the key is in another script."""
    key = replace(_NEW, comment="m\xfcller@\u65e5\u672c")
    world.write(f"{_OLD.line}\n")
    done = await world.append(key)
    assert (_results(done), done.problems) == (["added"], ()), done
    assert world.file.read_text() == f"{_OLD.line}\n{key.line}\n"
    done = await append_keys(
        world.shell, [replace(key, options=("no-pty",))], **rights_of(world.access, world.there.session, "root"),
        replace_lines=True,
    )  # fmt: skip
    assert world.file.read_text() == f"{_OLD.line}\nno-pty {key.line}\n", done


async def _append_after_google(world: World) -> None:
    world.write("# Added by Google")
    await world.append(_NEW)
    assert len(world.file.read_text().splitlines()) == 3


async def _verify(world: World) -> None:
    world.write(f"{_OLD.line}\n{_NEW.line}\n")
    length = len(_OLD.line) + 1
    file = world.key_file
    report = parse_report((await world.shell.run(file.inspect((_NEW,)))).lines)
    text = file.verify_append((_NEW,), replace(report, length=length))
    lines = (await world.shell.run(text)).lines
    assert f"b {cksum(f'{_OLD.line}{chr(10)}'.encode())}" in lines, lines
    assert f":{_NEW.line}" in lines, lines


async def _undo(world: World) -> None:
    world.write(f"{_OLD.line}\n")
    report = parse_report((await world.shell.run(world.key_file.inspect((_NEW,)))).lines)
    world.write(f"{_OLD.line}\n{_NEW.line[:30]}")
    lines = (await world.shell.run(world.key_file.undo_append((_NEW,), report))).lines
    assert world.file.read_text() == f"{_OLD.line}\n", lines
    assert lines == [f"a {cksum(world.file.read_bytes())}"]


async def _list(world: World) -> None:
    world.write(f"# ours\n{_OLD.line}\nnonsense\n{_NEW.line}")
    listing = await _list_in(world.there.session, world.access, "root")
    assert [one.entry and one.entry.key.base64 for one in listing.keys] == [_OLD.base64, None, _NEW.base64]
    assert listing.warnings == (), listing.warnings
    assert listing.hostname == os.uname().nodename


async def _remove(world: World) -> None:
    world.write(f"# gr\xfc\n{_OLD.line}\n{_NEW.line}\n{_THIRD.line}\n")
    rights = rights_of(world.access, world.there.session, "root")
    plan = await remove_keys(world.shell, [_NEW], **rights, review=Review(dry_run=True))
    assert plan.change is not None
    assert plan.change.diff[3:] == (" # gr\xfc", f" {_OLD.line}", f"-{_NEW.line}", f" {_THIRD.line}")
    done = await remove_keys(world.shell, [_NEW], **rights)
    assert world.file.read_text() == f"# gr\xfc\n{_OLD.line}\n{_THIRD.line}\n"
    backup = world.root / done.backup.lstrip("/")
    assert _NEW.line in backup.read_text()
    assert world.file.stat().st_mode & 0o777 == 0o600


async def _repair(world: World) -> None:
    world.write(f"\ufeff{_OLD.line}\n{_NEW.line}\n")
    await repair_keys(world.shell, **rights_of(world.access, world.there.session, "root"))
    assert world.file.read_text() == f"{_OLD.line}\n{_NEW.line}\n"


async def _expiry(world: World) -> None:
    world.write("")
    done = await world.append(_THIRD, end=datetime.now(UTC) + timedelta(hours=2))
    assert (_results(done), done.problems) == (["added"], ()), done
    assert world.file.read_text().startswith('expiry-time="20')


async def _obstacles(world: World) -> None:
    world.write("")
    lines = (await world.shell.run(world.key_file.ask("mount_options"))).lines
    assert len(lines) == 1 and lines[0].startswith("d /"), lines
    lines = (await world.shell.run(world.key_file.ask("list_attributes"))).lines
    assert lines, "attributes, or the complaint that there is no lsattr"
    assert parse_report(lines).immutable == ()
    lines = await world.lines("sshd_log", "login_obstacles", lines=Expanded(5), port=Expanded(22))
    assert {line[:1] for line in lines} <= set("ltnuw"), lines


async def _server(world: World) -> None:
    """The conditions are in an included file."""
    (world.root / "etc/ssh/sshd_config.d").mkdir(exist_ok=True)
    (world.root / "etc/ssh/sshd_config.d/a.conf").write_text("Match Address 10.0.0.0/8\nPermitRootLogin no\n")
    world.configure(f'{_PLAIN}Include="/etc/ssh/sshd_config.d/*.conf"\n')
    world.write(f"{_OLD.line}\n")
    report, _ = await inspect(world.shell, world.key_file, [_OLD])
    server = report.server
    assert server is not None and len(server.answers) > 1, server
    assert server.program == "/usr/sbin/sshd" and server.version.startswith("OpenSSH_"), server
    values = [one.get("permitrootlogin") for one in server.answers]
    assert {"no", "without-password"} <= {*values, *(["without-password"] if "prohibit-password" in values else [])}
    account = server.account
    assert account is not None, server
    assert (account.uid, account.home, account.shell) == (0, f"/{world.home.relative_to(world.root)}", "/bin/sh")
    assert not account.shell_missing and not account.locked, account


async def _elsewhere(world: World) -> None:
    """Another file behind a link, a chroot, and revoked keys."""
    (world.root / "etc/ssh/keys").mkdir(exist_ok=True)
    (world.root / "etc/ssh/keys/real").write_text(f"{_OLD.line}\n")
    link = world.root / "etc/ssh/keys/root"
    link.unlink(missing_ok=True)
    link.symlink_to("real")
    (world.root / "etc/ssh/revoked").write_text(f"{_NEW.line}\n")
    world.configure(
        f"{_PLAIN}AuthorizedKeysFile /etc/ssh/keys/%u\nRevokedKeys /etc/ssh/revoked\nChrootDirectory /usr\n"
    )
    report, file = await inspect(world.shell, world.key_file, [_OLD, _NEW])
    report = await examine(world.shell, file, report, [_OLD, _NEW])
    assert file.path == "/etc/ssh/keys/root"
    assert [info.path for info in report.checked_paths] == [
        "/etc/ssh/keys/real", "/etc/ssh/keys", "/etc/ssh", "/etc", "/",
    ], report.checked_paths  # fmt: skip
    assert report.revoked == {_OLD.base64: False, _NEW.base64: True}, report.revoked
    assert [info.path for info in report.chroot] == ["/usr", "/"], report.chroot
    assert not report.shell_in_chroot


async def _groups(world: World) -> None:
    world.configure(_PLAIN)
    os.chown(world.home, 0, 1000)
    world.home.chmod(0o775)
    try:
        report, file = await inspect(world.shell, world.key_file, [_OLD])
        report = await examine(world.shell, file, report, [_OLD])
    finally:
        world.home.chmod(0o755)
        os.chown(world.home, 0, 0)
    assert [(one.gid, one.members, one.primary_of) for one in report.groups] == [
        (1000, ("root",), (("operator", 1000),)),
    ], report.groups  # fmt: skip
    assert report.openssh.startswith("OpenSSH_")


async def _host_keys(world: World) -> None:
    found = parse_host_keys(await world.lines("host_keys"))
    text = (world.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text()
    assert [key.base64 for key in found.keys] == [text.split()[1]], found
    assert found.hostname == os.uname().nodename


async def _other_server(world: World) -> None:
    program = world.root / "dropbear"
    shutil.copy("/bin/sleep", program)
    with subprocess.Popen([program, "60", "61"]) as running:
        try:
            # The kernel sets the name after it has closed what tells Popen that the program runs.
            wait_for(lambda: Path(f"/proc/{running.pid}/comm").read_text() == "dropbear\n", 10, "the program's name")
            lines = await world.lines("find_ssh_server")
        finally:
            running.kill()
    assert f"r dropbear {program} 60 61" in lines, lines
    assert all(line.startswith(("r ", "h ")) for line in lines), lines
    assert "h /bin/sh" in lines, lines


async def _transfer(world: World) -> None:
    try:
        done = await world.shell.upload(_DATA, "~/file", mode=0o640)
    except sosagent.EditRefused as error:
        assert "cannot be compared" in error.message, error
        assert world.shell.checksum_tool == "sh"
        assert not (world.home / "file").exists()
        return
    assert done.cksum == cksum(_DATA)
    assert (world.home / "file").read_bytes() == _DATA
    assert (world.home / "file").stat().st_mode & 0o777 == 0o640
    assert (await world.shell.download("~/file", None)).data == _DATA

    async def confirm(_: sosagent.FileChange) -> bool:
        return True

    done = await world.shell.upload(b"new\n", "~/file", confirm=confirm)
    assert done.change is not None
    assert done.change.diff[2:] and (world.home / "file").read_bytes() == b"new\n"
    plan = await world.shell.upload(b"newer\n", "~/file", dry_run=True)
    assert plan.change is not None
    assert plan.change.diff[3:] == ("-new", "+newer")
    assert not list(world.home.glob(".file*"))


async def _execute(world: World) -> None:
    script = "echo out; echo err >&2; cat; printf '\\001\\377'; exit 3"
    command = Command(command_script(script.encode()), b"in\n")
    if world.shell.checksum_tool == "sh":
        command = Command(command_script(b"echo out; echo err >&2; exit 3"))
    done = await execute(world.shell, command)
    assert (done.status, done.stderr) == (3, b"err\n"), done
    assert done.stdout == (b"out\nin\n\x01\xff" if command.stdin else b"out\n"), done


async def _age(world: World) -> None:
    words = (await world.lines("shell_age"))[0].split()
    assert len(words) == 3 and int(words[0]) >= int(words[1]), words


async def _portions(world: World) -> None:
    done = await world.shell.run("i=0;while [ $i -lt 20 ];do echo line $i of the output;i=$((i+1));done;false")
    fetched = await held_output.fetch(world.shell._run_few, world.shell._replies.checksum)
    assert fetched == (1, done.output), fetched
    words = Expanded("1"), Expanded("0"), Expanded("64")
    lines = await world.lines("print_portion_in_shell", first=words[0], size=words[1], most=words[2])
    assert lines == (done.output[:64] + b".").decode("ascii").split("\n"), lines


#: Each job, and the programs that it runs. Those of the login itself are in the first.
JOBS: dict[str, tuple[tuple[str, ...], Callable[[World], Awaitable[None]]]] = {
    "create": (("adapt", "crc", "receiver", "sum_with_cksum", "create_file"), _create),
    "append": (
        ("inspect_keys", "list_paths", "print_sshd_config", "read_sshd_config", "require_unchanged", "append"), _append,
    ),
    "append and replace a line with a comment": ((), _append_comment),
    "append after Google's comment": (("last_line",), _append_after_google),
    "verify an append": (("verify_append",), _verify),
    "undo an append": (("undo_append",), _undo),
    "list": ((), _list),
    "remove": (("find_lines", "print_file", "rewrite"), _remove),
    "repair": ((), _repair),
    "expiry": (("clock",), _expiry),
    "obstacles": (("mount_options", "list_attributes", "login_obstacles", "sshd_log"), _obstacles),
    "sshd": (("ask_sshd", "inspect_account"), _server),
    "another file, a chroot, revoked keys": (("list_parents", "check_revoked", "inspect_chroot"), _elsewhere),
    "groups": (("inspect_groups",), _groups),
    "host keys": (("host_keys",), _host_keys),
    "another SSH server": (("find_ssh_server",), _other_server),
    "upload, download": (
        ("find_tools", "inspect_target", "part_folder", "make_part_folder", "enter_part_folder", "create_part",
         "append_piece", "install_part", "remove_part", "inspect_source", "encode_piece"),
        _transfer,
    ),
    "exec": (("make_command_folder", "start_command", "supervise_command", "command_output"), _execute),
    "a reply in portions": (("measure_output", "print_portion", "print_portion_in_shell"), _portions),
    "age of the shell": (("shell_age",), _age),
}  # fmt: skip


def install_sshd(root: Path) -> None:
    """Install sshd and its programs, a host key, and the accounts that the jobs need."""
    for name in ("/usr/sbin/sshd", "ssh", "ssh-keygen", "ssh-keyscan"):
        _install(root, shutil.which(name) or name)
    folder = root / "etc/ssh"
    folder.mkdir(exist_ok=True)
    (folder / "sshd_config").write_text(_PLAIN)
    key = folder / "ssh_host_ed25519_key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with (root / "etc/passwd").open("a") as file:
        file.write("sshd:x:100:65534::/run/sshd:/bin/false\n")
    with (root / "etc/group").open("a") as file:
        file.write("operator:x:1000:root\nnogroup:x:65534:\n")
    (root / "etc/shadow").write_text("root:$6$x$y:19000:0:99999:7:::\n")
    (root / "etc/shells").write_text("# shells\n/bin/sh\n")


def _shown(error: Exception) -> str:
    """Return an error and the line of this file that it comes from."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == __file__]
    return f"line {lines[-1]}: {type(error).__name__}: {error}"


async def run_jobs(name: str, folder: Path) -> dict[str, str]:
    """Run all jobs on a machine with this userland, in one login; return what failed."""
    failed: dict[str, str] = {}
    async with machine_of(name, folder) as (console, home):
        install_sshd(folder / "root")
        access = access_to(console, password=PASSWORD, timeout=_SECONDS)
        async with at_machine(access) as there:
            world = World(access, there, folder / "root", home)
            for job, (_, run) in JOBS.items():
                world.configure(_PLAIN)
                try:
                    await run(world)
                except (AssertionError, AttributeError, OSError, sosagent.SosError) as error:
                    failed[job] = _shown(error)
        await until(lambda: not console.shell_open)
        await until(lambda: not [*(folder / "root").glob("run/.sos*"), *(folder / "root").glob("tmp/.sos*")])
    return failed


def _main() -> None:
    wrong = 0
    for name in sys.argv[1:] or [name for name in USERLANDS if name != "9base"]:  # whose jobs are refused
        with tempfile.TemporaryDirectory(prefix="sosagent-userland-") as text:
            started = time.monotonic()
            try:
                failed = asyncio.run(run_jobs(name, Path(text)))
            except (Skipped, sosagent.SosError) as error:
                print(f"{name}: {type(error).__name__}: {error}", flush=True)
                continue
            print(
                f"{name}: {len(JOBS) - len(failed)} of {len(JOBS)} jobs, {time.monotonic() - started:.0f} s", flush=True
            )
            for job, problem in failed.items():
                print(f"    {job}: {problem[:1500]}", flush=True)
            wrong += len(failed)
    raise SystemExit(min(wrong, 1))


if __name__ == "__main__":
    _main()
