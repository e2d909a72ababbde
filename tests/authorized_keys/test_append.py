"""authorized_keys/append.py and its programs, in real shells on real files."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

import sosagent
from sosagent.authorized_keys.append import append_keys

from ..conftest import installed, new_key
from ..support.authorized_keys import ONE, add, append, as_root, fill, keys_file
from ..support.ptys import verified_shell

pytestmark = pytest.mark.filterwarnings("error")


async def test_existing_file(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
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


async def test_missing_file(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    done = await add(sh, tmp_path, key, ONE)
    file = tmp_path / ".ssh" / "authorized_keys"
    assert file.read_text() == f"{key.line}\n{ONE.line}\n"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (done.before, done.after) == (0, 2)


async def test_new_files_are_private_whatever_the_umask(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    mask = os.umask(0)
    try:
        await add(sh, tmp_path, key)
    finally:
        os.umask(mask)
    file = tmp_path / ".ssh" / "authorized_keys"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


async def test_several_keys_of_which_one_is_present(tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f"{ONE.line}\n")
    rsa, third = new_key("r", "ssh-rsa"), new_key("3")
    done = await add(["dash"], tmp_path, key, ONE, rsa, third)
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


async def test_old_bytes_are_kept_and_the_line_is_whole(sh: list[str], tmp_path: Path) -> None:
    file = keys_file(tmp_path)
    async with verified_shell(sh, tmp_path) as (shell, _):
        for name, old in CONTENTS.items():
            key = new_key()
            file.write_bytes(old)
            done = await append(shell, key)
            newline = b"" if not old or old.endswith(b"\n") else b"\n"
            assert file.read_bytes() == old + newline + key.line.encode() + b"\n", name
            assert done.keys[0].result == "added"
            assert (await append(shell, key)).keys[0].result == "present"
        await shell.close()


async def test_key_that_only_seems_to_be_present_is_added(sh: list[str], tmp_path: Path) -> None:
    file = keys_file(tmp_path)
    async with verified_shell(sh, tmp_path) as (shell, _):
        for line in ("#{}", "# off {}", "no-such-option {}", "{}x-joined", "ssh-ed25519 AAAA{}"):
            key = new_key()
            text = line.format(key.line if "joined" not in line else f"{key.type} {key.base64}") + "\n"
            file.write_text(text)
            assert (await append(shell, key)).keys[0].result == "added", line
            assert file.read_text() == text + key.line + "\n"
        await shell.close()


async def test_key_with_options(tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f'from="10.0.0.1" {key.line}\n')
    done = await add(["dash"], tmp_path, key)
    assert done.keys[0].options == ('from="10.0.0.1"',)
    assert "from=" in done.warnings[0]
    file.write_text(f'no-pty,command="echo Please login as \\"admin\\"" {key.line}\n')
    with pytest.raises(sosagent.EditRefused, match=r"already in .*, with command="):
        await add(["dash"], tmp_path, key)


async def test_backslashes_in_lines_and_comments(sh: list[str], tmp_path: Path) -> None:
    """The echo of dash would turn them into newlines, so that parts of a line would be judged as lines."""
    key = new_key("CORP\\nick")
    assert (await add(sh, tmp_path, key)).keys[0].result == "added"
    file = tmp_path / ".ssh" / "authorized_keys"
    file.write_text(f"command=\"printf 'no\\n'\" {key.line}\n")
    with pytest.raises(sosagent.EditRefused, match=r"already in .*, with command="):
        await add(sh, tmp_path, key)


COMMENTS = {
    "quotes": "it's \"quoted\" `once` and 'twice'",
    "commands": "$(touch ran) `touch ran`; touch ran | touch ran & touch ran",
    "special in printf": "%s %d %% \\n \\0101 \\c \\\\",
    "utf-8": "grüße 鍵 🔑",
    "a tab": "a\tb",
    "history": "!! !$ ^a^b",
    "2000 characters": "x" * 2000,
    "special in the protocol": "]Z )x =1 ~.",
}


async def test_comments_arrive_exactly(sh: list[str], tmp_path: Path) -> None:
    file = keys_file(tmp_path)
    async with verified_shell(sh, tmp_path) as (shell, _):
        for name, comment in COMMENTS.items():
            key = new_key(comment)
            assert key.comment == comment
            file.write_text("# ours")  # without a newline
            done = await append(shell, key)
            assert file.read_text() == f"# ours\n{key.line}\n", name
            assert [outcome.result for outcome in done.keys] == ["added"]
            again = await append(shell, key)
            assert [outcome.result for outcome in again.keys] == ["present"]
        await shell.close()
    assert not list(tmp_path.rglob("ran"))


async def test_comment_is_never_executed(sh: list[str], tmp_path: Path) -> None:
    evil = f"$(touch {tmp_path}/x) `touch {tmp_path}/x`;touch {tmp_path}/x '\"' \\n %s"
    key = sosagent.parse_public_keys(f"{ONE.type} {ONE.base64} {evil}", "k")[0]
    file = keys_file(tmp_path, "# x\n")
    assert (await add(sh, tmp_path, key)).keys[0].result == "added"
    assert file.read_text() == f"# x\n{key.line}\n"
    assert not (tmp_path / "x").exists()


async def test_options_are_written_and_recognised(sh: list[str], tmp_path: Path) -> None:
    file = keys_file(tmp_path, "# ours")
    key = replace(new_key(), options=("restrict", 'command="echo \\"$HOME\\" %s"', 'from="10.0.0.0/8"'))
    assert not (await add(sh, tmp_path, key)).warnings
    assert file.read_text() == f"# ours\n{key.line}\n"
    again = await add(sh, tmp_path, key)
    assert ([outcome.result for outcome in again.keys], again.warnings) == (["present"], ())


async def test_present_key_without_the_requested_options(tmp_path: Path) -> None:
    key = new_key()
    keys_file(tmp_path, f"{key.line}\n")
    done = await add(["dash"], tmp_path, replace(key, options=("restrict",)))
    assert done.keys[0].result == "present"
    assert "without restrict" in done.warnings[0]


async def test_link_is_followed_and_kept(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    (tmp_path / ".ssh").mkdir(mode=0o700)
    real = tmp_path / "real"
    real.write_text(f"{ONE.line}\n")
    link = tmp_path / ".ssh" / "authorized_keys"
    link.symlink_to(real)
    await add(sh, tmp_path, key)
    assert link.is_symlink()
    assert real.read_text() == f"{ONE.line}\n{key.line}\n"


async def test_hard_link_is_kept(tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f"{ONE.line}\n")
    os.link(file, tmp_path / "other")
    assert (await add(["dash"], tmp_path, key)).keys[0].result == "added"
    assert (tmp_path / "other").read_text() == f"{ONE.line}\n{key.line}\n"


async def test_unusual_files_are_refused(sh: list[str], tmp_path: Path) -> None:
    file = keys_file(tmp_path, b"x\0y\n")
    async with verified_shell(sh, tmp_path) as (shell, _):

        async def refused(words: str) -> None:
            with pytest.raises(sosagent.EditRefused, match=words) as caught:
                await append(shell, new_key())
            assert caught.value.exit_code == 6

        await refused("NUL")
        file.write_bytes(f"{ONE.line}\n".encode("utf-16"))
        await refused("UTF-16")
        file.unlink()
        file.symlink_to(tmp_path / "nowhere")
        await refused("dangling symbolic link")
        assert not (tmp_path / "nowhere").exists()
        file.unlink()
        file.mkdir()
        await refused("not a regular file")
        file.rmdir()
        os.mkfifo(file)
        await refused("not a regular file")
        await shell.close()


async def test_file_that_ends_in_nul_is_refused(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    """A crash may leave such a file. Our line would follow the NUL, in a line that sshd cannot read."""
    file = keys_file(tmp_path)
    async with verified_shell(sh, tmp_path) as (shell, _):
        for old in (b"# x\0", f"{ONE.line}\n".encode() + bytes(3), f"{ONE.line}\0\n".encode()):
            file.write_bytes(old)
            with pytest.raises(sosagent.EditRefused, match="NUL"):
                await append(shell, key)
            assert file.read_bytes() == old
        await shell.close()


async def test_missing_home_is_refused(sh: list[str], tmp_path: Path) -> None:
    with pytest.raises(sosagent.EditRefused, match="home folder") as caught:
        await add(sh, tmp_path / "gone", new_key())
    assert caught.value.exit_code == 6


async def test_unknown_user_is_refused(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    async with verified_shell(sh, tmp_path) as (shell, _):
        with pytest.raises(sosagent.EditRefused, match="has no user"):
            await append_keys(shell, [key], user="no-such-user", own=True, logged_in=False)
        await shell.close()


async def test_dry_run_changes_nothing(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    done = await add(sh, tmp_path, key, dry_run=True)
    assert done.keys[0].result == "would-add"
    assert list(tmp_path.iterdir()) == []


async def test_modes_that_sshd_refuses_are_reported(tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, "# x\n")
    file.chmod(0o666)
    file.parent.chmod(0o770)
    os.chown(file.parent, -1, 4)
    done = await add(["dash"], tmp_path, key)
    assert [str(file.parent) in done.warnings[0], str(file) in done.warnings[1]] == [True, True]
    assert done.refusals == done.warnings


async def test_modes_of_the_folders_behind_a_link_are_checked(
    sh: list[str], tmp_path: Path, key: sosagent.PublicKey
) -> None:
    home, open_to_all = tmp_path / "home", tmp_path / "open"
    home.mkdir()
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    (open_to_all / "keys").write_text(f"{ONE.line}\n")
    file = keys_file(home)
    file.unlink()
    file.symlink_to(open_to_all / "keys")
    done = await add(sh, home, key)
    assert done.keys[0].result == "added"
    assert any(f"other users may write to {open_to_all} " in warning for warning in done.warnings), done.warnings


async def test_byte_order_mark_is_reported(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    old = b"\xef\xbb\xbf" + f"{ONE.line}\n# \xfc\n\n".encode()
    file = keys_file(tmp_path, old)
    done = await add(sh, tmp_path, key)
    assert file.read_bytes() == old + f"{key.line}\n".encode()
    assert ["byte order mark" in warning for warning in done.warnings] == [True]


_GOOGLE = "# Added by Google\n"


async def test_googles_agent_does_not_remove_our_key(sh: list[str], tmp_path: Path) -> None:
    """It removes one line after its mark, and does not count blank lines."""
    file = keys_file(tmp_path)
    async with verified_shell(sh, tmp_path) as (shell, _):
        for old, comment in (
            (f"{ONE.line}\n{_GOOGLE}", True),
            (f"{ONE.line}\n{_GOOGLE}  \n\n", True),
            (_GOOGLE.rstrip(), True),
            (f"{_GOOGLE}{ONE.line}\n", False),
        ):
            key = new_key()
            file.write_text(old)
            dry = await append(shell, key, dry_run=True)
            assert (await append(shell, key)).keys[0].result == "added"
            added = file.read_text().removeprefix(old).lstrip("\n").splitlines()
            assert file.read_text().startswith(old)
            assert added[-1] == key.line
            assert len(added) == 1 + comment
            assert not comment or added[0].startswith("# ")
            assert dry.change is not None
            assert [line[1:] for line in dry.change.diff if line.startswith("+")][-len(added) :] == added
            assert (await append(shell, key)).keys[0].result == "present"
        await shell.close()


async def test_300_concurrent_writers_lose_nothing(tmp_path: Path, key: sosagent.PublicKey) -> None:
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


def after_printf(key: sosagent.PublicKey, command: str) -> dict[str, str]:
    """Return an environment in which bash runs `command` right after our line was written."""
    installed(["bash"])
    return {"BASH_FUNC_printf%%": f'() {{ builtin printf "$@"; [ "$1" != "{key.line}\\n" ] || {command}; }}'}


async def test_another_program_replaces_the_file_after_our_append(tmp_path: Path, key: sosagent.PublicKey) -> None:
    """Ansible and Google's agent do that: they read the file, and rename a copy of their own over it."""
    file = keys_file(tmp_path, f"{ONE.line}\n")
    theirs = new_key("theirs")
    new = f"{ONE.line}\n{theirs.line}\n"
    (tmp_path / "new").write_text(new)
    moved = after_printf(key, f"mv {tmp_path}/new {file} 2>/dev/null || :")
    done = await add(["bash", "--posix"], tmp_path, key, env=moved)
    assert done.keys[0].result == "added"
    assert file.read_text() == f"{new}{key.line}\n"


async def test_line_that_is_there_twice_is_reported(tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f"{ONE.line}\n")
    with pytest.raises(sosagent.NotVerified, match="is not as it was written") as caught:
        await add(["bash", "--posix"], tmp_path, key, env=after_printf(key, 'builtin printf "$@"'))
    assert caught.value.exit_code == 7
    assert file.read_text() == f"{ONE.line}\n{key.line}\n{key.line}\n"


async def test_old_bytes_that_change_after_our_append_are_reported(tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f"{ONE.line}\n")
    with pytest.raises(sosagent.NotVerified, match="previous contents have changed") as caught:
        await add(["bash", "--posix"], tmp_path, key, env=after_printf(key, f"builtin printf '#' 1<>{file}"))
    assert caught.value.exit_code == 7
    assert file.read_text() == f"#{ONE.line[1:]}\n{key.line}\n"


async def test_large_file(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    """5 MB in dash, a tenth of that in the other shells."""
    old = f"{ONE.line}\n" + f"# {'x' * 400}\n" * (12_500 if sh == ["dash"] else 1250)
    file = keys_file(tmp_path, old)
    done = await add(sh, tmp_path, key)
    assert (done.before, done.keys[0].result) == (1, "added")
    assert file.read_text() == f"{old}{key.line}\n"


@as_root
async def test_full_disk_loses_nothing(sh: list[str], disk: Path, key: sosagent.PublicKey) -> None:
    # The file ends 40 bytes before its block does, so that a part of the line fits.
    old = (f"{ONE.line}\n" + "#" * 5000)[: 1024 * 4 - 41] + "\n"
    file = keys_file(disk, old)
    fill(disk)
    with pytest.raises(sosagent.EditRefused, match="full"):
        await add(sh, disk, key)
    assert file.read_text() == old
    (disk / "filler").unlink()
    assert (await add(sh, disk, key)).keys[0].result == "added"


@as_root
async def test_disk_without_inodes_loses_nothing(sh: list[str], disk: Path, key: sosagent.PublicKey) -> None:
    home = disk / "home"
    home.mkdir()
    with pytest.raises(OSError, match="No space"):
        for number in range(100):
            (disk / f"filler{number}").touch()
    with pytest.raises(sosagent.EditRefused, match=r"No space left|full"):
        await add(sh, home, key)
    assert list(home.iterdir()) == []
    (disk / "filler0").unlink()
    # One inode is enough for the folder, but not for the file.
    with pytest.raises(sosagent.EditRefused, match=r"No space left|full"):
        await add(sh, home, key)
    (disk / "filler1").unlink()
    (disk / "filler2").unlink()
    assert (await add(sh, home, key)).keys[0].result == "added"


@as_root
async def test_part_of_a_line_that_cannot_be_removed_is_reported(
    sh: list[str], disk: Path, key: sosagent.PublicKey
) -> None:
    """The disk is full, and the file can only grow (chattr +a)."""
    old = (f"{ONE.line}\n" + "#" * 5000)[: 1024 * 4 - 41] + "\n"
    file = keys_file(disk, old)
    fill(disk)
    subprocess.run(["chattr", "+a", str(file)], check=True)
    with pytest.raises(sosagent.NotVerified, match="could not be removed") as caught:
        await add(sh, disk, key)
    assert caught.value.exit_code == 7
    assert file.read_text() == old + key.line[:40]


@as_root
async def test_file_that_can_only_grow(sh: list[str], disk: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(disk, f"{ONE.line}\n")
    subprocess.run(["chattr", "+a", str(file)], check=True)
    assert (await add(sh, disk, key)).keys[0].result == "added"
    assert file.read_text() == f"{ONE.line}\n{key.line}\n"
