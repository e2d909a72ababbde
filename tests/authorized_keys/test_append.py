"""authorized_keys/append.py and its programs, in real shells on real files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pytest

import sosagent
from sosagent.access import Permissions
from sosagent.authorized_keys.append import Appended, append_keys
from sosagent.authorized_keys.programs import check_user
from sosagent.authorized_keys.report import Looked, PathInfo, keys_path, obstacles, parse_look

from ..conftest import new_key
from ..support.ptys import verified_shell

pytestmark = pytest.mark.filterwarnings("error")
as_root = pytest.mark.skipif(os.getuid() != 0, reason="needs root: mounts, file attributes")

ONE = new_key("one")


async def add(
    sh: Sequence[str],
    home: Path,
    *keys: sosagent.PublicKey,
    user: str = "root",
    dry_run: bool = False,
    permissions: Permissions | None = None,
    until: datetime | None = None,
    env: Mapping[str, str] | None = None,
) -> Appended:
    async with verified_shell(sh, home, env=env) as (shell, _):
        try:
            return await append_keys(
                shell, keys, user=user, own=True, logged_in=True, dry_run=dry_run, permissions=permissions, until=until
            )
        finally:
            await shell.close()


def keys_file(home: Path, content: str | bytes = "") -> Path:
    file = home / ".ssh" / "authorized_keys"
    file.parent.mkdir(mode=0o700)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(0o600)
    return file


async def test_to_an_existing_file(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f"# ours\n\n{ONE.line}\n")
    inode = file.stat().st_ino
    done = await add(sh, tmp_path, key)
    assert file.read_text() == f"# ours\n\n{ONE.line}\n{key.line}\n"
    assert file.stat().st_ino == inode
    assert [outcome.result for outcome in done.keys] == ["added"]
    assert (done.before, done.after, done.file) == (1, 2, str(file))
    assert done.hostname == os.uname().nodename
    again = await add(sh, tmp_path, key)
    assert [outcome.result for outcome in again.keys] == ["present"]
    assert (again.before, again.after) == (2, 2)
    assert file.read_text().count(key.line) == 1
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".ssh", "authorized_keys"]


async def test_to_a_file_that_is_not_there(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    done = await add(sh, tmp_path, key, ONE)
    file = tmp_path / ".ssh" / "authorized_keys"
    assert file.read_text() == f"{key.line}\n{ONE.line}\n"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (done.before, done.after) == (0, 2)


async def test_several_keys_some_of_them_there(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f"{ONE.line}\n")
    rsa, third = new_key("r", "ssh-rsa"), new_key("3")
    done = await add(sh, tmp_path, key, ONE, rsa, third)
    assert [outcome.result for outcome in done.keys] == ["added", "present", "added", "added"]
    assert file.read_text() == f"{ONE.line}\n{key.line}\n{rsa.line}\n{third.line}\n"


CONTENTS = {
    "empty": b"",
    "no newline at the end": ONE.line.encode(),
    "a comment without newline": b"# end",
    "crlf": f"{ONE.line}\r\n".encode(),
    "crlf without newline": f"{ONE.line}\r".encode(),
    "byte order mark": b"\xef\xbb\xbf" + ONE.line.encode() + b"\n",
    "latin-1": b"# gr\xfc\xdfe \xff\n",
    "backslashes": b"# \\n \\c \\\\ %s \\\n",
    "blanks": b"   \n\t\n  # x\n",
    "a blank at the end": b"# x ",
    "long lines": b"# " + b"x" * 30_000 + b"\n",
}


@pytest.mark.parametrize("name", CONTENTS)
async def test_old_bytes_stay_and_the_line_is_whole(name: str, sh: list[str], tmp_path: Path) -> None:
    old, key = CONTENTS[name], new_key()
    file = keys_file(tmp_path, old)
    done = await add(sh, tmp_path, key)
    newline = b"" if not old or old.endswith(b"\n") else b"\n"
    assert file.read_bytes() == old + newline + key.line.encode() + b"\n"
    assert done.keys[0].result == "added"
    assert (await add(sh, tmp_path, key)).keys[0].result == "present"


@pytest.mark.parametrize("line", ["#{}", "# off {}", "no-such-option {}", "{}x-glued", "ssh-ed25519 AAAA{}"])
async def test_a_key_that_only_seems_to_be_there_is_added(line: str, sh: list[str], tmp_path: Path) -> None:
    key = new_key()
    text = line.format(key.line if "glued" not in line else f"{key.type} {key.base64}") + "\n"
    file = keys_file(tmp_path, text)
    assert (await add(sh, tmp_path, key)).keys[0].result == "added"
    assert file.read_text() == text + key.line + "\n"


async def test_a_key_behind_options(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f'from="10.0.0.1" {key.line}\n')
    done = await add(sh, tmp_path, key)
    assert done.keys[0].options == ('from="10.0.0.1"',)
    assert "from=" in done.warnings[0]
    file.write_text(f'no-pty,command="echo Please login as \\"admin\\"" {key.line}\n')
    with pytest.raises(sosagent.EditRefused, match="already, behind"):
        await add(sh, tmp_path, key)


async def test_backslashes_in_lines_and_comments(sh: list[str], tmp_path: Path) -> None:
    """dash's echo would make newlines of them: a line would be judged by its pieces."""
    key = new_key("CORP\\nick")
    assert (await add(sh, tmp_path, key)).keys[0].result == "added"
    file = tmp_path / ".ssh" / "authorized_keys"
    file.write_text(f"command=\"printf 'no\\n'\" {key.line}\n")
    with pytest.raises(sosagent.EditRefused, match="already, behind"):
        await add(sh, tmp_path, key)


async def test_a_comment_is_never_run(sh: list[str], tmp_path: Path) -> None:
    evil = f"$(touch {tmp_path}/x) `touch {tmp_path}/x`;touch {tmp_path}/x '\"' \\n %s"
    key = sosagent.parse_public_keys(f"{ONE.type} {ONE.base64} {evil}", "k")[0]
    file = keys_file(tmp_path, "# x\n")
    assert (await add(sh, tmp_path, key)).keys[0].result == "added"
    assert file.read_text() == f"# x\n{key.line}\n"
    assert not (tmp_path / "x").exists()


async def test_a_link_is_followed_and_stays(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    real = tmp_path / "real"
    real.write_text(f"{ONE.line}\n")
    link = tmp_path / ".ssh" / "authorized_keys"
    link.symlink_to(real)
    await add(sh, tmp_path, key)
    assert link.is_symlink()
    assert real.read_text() == f"{ONE.line}\n{key.line}\n"


async def odd(sh: list[str], home: Path, words: str) -> None:
    with pytest.raises(sosagent.EditRefused, match=words) as caught:
        await add(sh, home, new_key())
    assert caught.value.exit_code == 6


async def test_odd_files_are_refused(sh: list[str], tmp_path: Path) -> None:
    file = keys_file(tmp_path, b"x\0y\n")
    await odd(sh, tmp_path, "NUL")
    file.write_bytes(f"{ONE.line}\n".encode("utf-16"))
    await odd(sh, tmp_path, "UTF-16")
    file.unlink()
    file.symlink_to(tmp_path / "nowhere")
    await odd(sh, tmp_path, "leads nowhere")
    assert not (tmp_path / "nowhere").exists()
    file.unlink()
    file.mkdir()
    await odd(sh, tmp_path, "not a regular file")
    file.rmdir()
    os.mkfifo(file)
    await odd(sh, tmp_path, "not a regular file")
    with pytest.raises(sosagent.EditRefused, match="home folder"):
        await add(sh, tmp_path / "gone", new_key())


async def test_a_dry_run_changes_nothing(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    done = await add(sh, tmp_path, key, dry_run=True)
    assert done.keys[0].result == "would-add"
    assert list(tmp_path.iterdir()) == []


async def test_modes_that_sshd_refuses_are_told(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, "# x\n")
    file.chmod(0o666)
    file.parent.chmod(0o770)
    done = await add(sh, tmp_path, key)
    assert [str(file.parent) in done.warnings[0], str(file) in done.warnings[1]] == [True, True]


async def test_a_user_that_is_not_there(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    async with verified_shell(sh, tmp_path) as (shell, _):
        with pytest.raises(sosagent.EditRefused, match="knows no user"):
            await append_keys(shell, [key], user="no-such-user", own=True, logged_in=False)
        await shell.close()


@pytest.mark.parametrize("name", ["a b", "$(id)", "-x", "", "a;b", "\u00e9"])
def test_names_that_no_user_has(name: str) -> None:
    with pytest.raises(sosagent.UsageError, match="not a user name"):
        check_user(name)


async def test_300_writers_at_once_lose_nothing(tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f"{ONE.line}\n")
    writers = subprocess.Popen(
        ["sh", "-c", f'for i in $(seq 300); do echo "# writer $i" >> "{file}"; done'], stdin=subprocess.DEVNULL
    )
    done = await add(["dash"], tmp_path, key)
    assert writers.wait() == 0
    assert done.keys[0].result == "added"
    lines = file.read_text().splitlines()
    assert lines.count(key.line) == 1
    assert len(lines) == 302


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real ext4 file system of 1 MiB, without blocks in reserve."""
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    image.write_bytes(b"\0" * (1 << 20))
    mke2fs = shutil.which("mke2fs", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    mounted = mke2fs and not (
        subprocess.run(
            [mke2fs, "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", str(image)], check=False
        ).returncode
        or subprocess.run(
            ["mount", "-o", "loop", str(image), str(place)], check=False, stderr=subprocess.DEVNULL
        ).returncode
    )
    if not mounted:
        pytest.skip("no loop mount here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(place: Path) -> None:
    with (place / "filler").open("wb", buffering=0) as filler:
        size = 4096
        while size:
            try:
                filler.write(b"x" * size)
            except OSError:
                size //= 2


@as_root
async def test_a_full_disk_loses_nothing(sh: list[str], small_disk: Path, key: sosagent.PublicKey) -> None:
    # The file ends 40 bytes before its block does, so that a part of the line still finds room.
    old = (f"{ONE.line}\n" + "#" * 5000)[: 1024 * 4 - 41] + "\n"
    file = keys_file(small_disk, old)
    fill(small_disk)
    with pytest.raises(sosagent.EditRefused, match="full"):
        await add(sh, small_disk, key)
    assert file.read_text() == old
    (small_disk / "filler").unlink()
    assert (await add(sh, small_disk, key)).keys[0].result == "added"


@as_root
async def test_a_read_only_disk_loses_nothing(sh: list[str], small_disk: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(small_disk, f"{ONE.line}\n")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(sosagent.EditRefused, match=r"Read-only file system|read-only"):
        await add(sh, small_disk, key)
    assert file.read_text() == f"{ONE.line}\n"


@as_root
async def test_an_immutable_file_loses_nothing(sh: list[str], small_disk: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(small_disk, f"{ONE.line}\n")
    subprocess.run(["chattr", "+i", str(file)], check=True)
    try:
        with pytest.raises(sosagent.EditRefused, match="immutable"):
            await add(sh, small_disk, key)
    finally:
        subprocess.run(["chattr", "-i", str(file)], check=True)
    assert file.read_text() == f"{ONE.line}\n"
    subprocess.run(["chattr", "+a", str(file)], check=True)
    try:
        assert (await add(sh, small_disk, key)).keys[0].result == "added"
    finally:
        subprocess.run(["chattr", "-a", str(file)], check=True)


@pytest.mark.parametrize(
    ("listed", "path"),
    [
        (".ssh/authorized_keys .ssh/authorized_keys2", "/home/al/.ssh/authorized_keys"),
        ("none .ssh/keys", "/home/al/.ssh/keys"),
        ("/etc/ssh/keys/%u", "/etc/ssh/keys/al"),
        ("%h/k%%", "/home/al/k%"),
        ("/etc/ssh/authorized_keys .ssh/k", "/home/al/.ssh/k"),
        ("/etc/ssh/authorized_keys", None),
        ("none", None),
    ],
)
def test_the_file_that_sshd_reads(listed: str, path: str | None) -> None:
    assert keys_path(Looked(home="/home/al", sshd={"authorizedkeysfile": listed}), "al") == path


def test_what_stands_in_a_keys_way() -> None:
    looked = Looked(
        home="/root",
        sshd={
            "permitrootlogin": "no", "pubkeyauthentication": "no", "authenticationmethods": "publickey,password",
            "allowusers": "alice", "denygroups": "root",
        },
        paths=(PathInfo("/root", "d", "rwx---rwx", 0), PathInfo("/root/.ssh", "d", "rwx------", 1000)),
    )  # fmt: skip
    said = " ".join(obstacles(looked, "root", "/root/.ssh/authorized_keys"))
    for words in ("PermitRootLogin no", "PubkeyAuthentication no", "publickey,password", "allowusers alice",
                  "denygroups root", "/root may be written", "/root/.ssh belongs to uid 1000"):  # fmt: skip
        assert words in said
    assert "sshd did not say" in obstacles(Looked(home="/root"), "root", "/k")[0]
    assert obstacles(Looked(home="/root", plain=True), "root", "/root/.ssh/authorized_keys") == []


def test_nonsense_is_a_look_that_knows_nothing() -> None:
    looked = parse_look(["x", "s p 1 2", "m", "-rwx /etc", "a 1", "s p q"])
    assert looked.checksum is None
    assert len(looked.complaints) == 5


def test_what_sshd_says_is_no_attribute_of_a_file() -> None:
    looked = parse_look(["authorizedkeysfile /etc/ssh/keys/%u", "----i---------e------- /root/.ssh/authorized_keys"])
    assert looked.sshd == {"authorizedkeysfile": "/etc/ssh/keys/%u"}
    assert looked.immutable == ("/root/.ssh/authorized_keys",)
