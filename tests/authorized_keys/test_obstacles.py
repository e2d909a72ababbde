"""What may stand in the way of an append, each on the real thing: what is done, told, lifted and put back."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import sosagent
from sosagent.access import Permissions

from ..conftest import installed, new_key
from .test_append import ONE, add, as_root, fill, keys_file

_GOOGLE = "# Added by Google\n"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real ext4 file system of 1 MiB with 32 inodes."""
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    image.write_bytes(b"\0" * (1 << 20))
    mke2fs = shutil.which("mke2fs", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    options = ["-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-N", "32"]
    if not mke2fs or subprocess.run([mke2fs, *options, str(image)], check=False).returncode:
        pytest.skip("no mke2fs here")
    if subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=False, capture_output=True).returncode:
        pytest.skip("no loop mount here")
    try:
        yield place
    finally:
        subprocess.run(["chattr", "-R", "-f", "-i", "-a", str(place)], check=False, capture_output=True)
        subprocess.run(["umount", str(place)], check=True)


def attributes(path: Path) -> str:
    return subprocess.run(["lsattr", "-d", str(path)], check=True, capture_output=True, text=True).stdout.split()[0]


def is_read_only(place: Path) -> bool:
    return bool(os.statvfs(place).f_flag & os.ST_RDONLY)


@pytest.mark.parametrize(
    ("old", "between"),
    [
        (f"{ONE.line}\n{_GOOGLE}", True),
        (f"{ONE.line}\n{_GOOGLE}  \n\n", True),
        (_GOOGLE.rstrip(), True),
        (f"{_GOOGLE}{ONE.line}\n", False),
    ],
)
async def test_googles_agent_does_not_take_our_key(
    old: str, between: bool, sh: list[str], tmp_path: Path, key: sosagent.PublicKey
) -> None:
    """It takes out the one line behind its mark, blank lines not counted."""
    file = keys_file(tmp_path, old)
    assert (await add(sh, tmp_path, key)).keys[0].result == "added"
    added = file.read_text().removeprefix(old).lstrip("\n").splitlines()
    assert file.read_text().startswith(old)
    assert added[-1] == key.line
    assert len(added) == 1 + between
    assert not between or added[0].startswith("# ")
    assert (await add(sh, tmp_path, key)).keys[0].result == "present"


async def test_a_byte_order_mark_is_told(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    old = b"\xef\xbb\xbf" + f"{ONE.line}\n# \xfc\n\n".encode()
    file = keys_file(tmp_path, old)
    done = await add(sh, tmp_path, key)
    assert file.read_bytes() == old + f"{key.line}\n".encode()
    assert ["byte order mark" in warning for warning in done.warnings] == [True]


async def test_a_hard_link_stays_one(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f"{ONE.line}\n")
    os.link(file, tmp_path / "other")
    assert (await add(sh, tmp_path, key)).keys[0].result == "added"
    assert (tmp_path / "other").read_text() == f"{ONE.line}\n{key.line}\n"


async def test_the_folders_behind_a_link_are_looked_at(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
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
    assert any(f"{open_to_all} may be written by others" in warning for warning in done.warnings), done.warnings


async def test_a_file_that_ends_in_a_nul_is_refused(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    """As a crash may leave it. Our line would stand behind the NUL, in a line that sshd cannot read."""
    for old in (b"# x\0", f"{ONE.line}\n".encode() + bytes(3), f"{ONE.line}\0\n".encode()):
        file = keys_file(tmp_path, old)
        with pytest.raises(sosagent.EditRefused, match="NUL"):
            await add(sh, tmp_path, key)
        assert file.read_bytes() == old
        shutil.rmtree(file.parent)


@as_root
async def test_what_is_lifted_is_put_back_when_the_write_cannot_be(
    sh: list[str], disk: Path, key: sosagent.PublicKey
) -> None:
    """The folder is immutable too, which is not allowed: the program stops in the middle."""
    file = keys_file(disk)
    file.unlink()
    subprocess.run(["chattr", "+i", str(file.parent)], check=True)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(sosagent.EditRefused, match="immutable"):
        await add(sh, disk, key, permissions=Permissions(remount=True))
    assert is_read_only(disk)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


@as_root
async def test_a_read_only_bind_mount_leaves_the_file_system_beneath_alone(
    sh: list[str], disk: Path, key: sosagent.PublicKey
) -> None:
    (disk / "home").mkdir()
    file = keys_file(disk / "home", f"{ONE.line}\n")
    home = disk / "bound"
    home.mkdir()
    subprocess.run(["mount", "--bind", str(disk / "home"), str(home)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(home)], check=True)
    try:
        assert (await add(sh, home, key, permissions=Permissions(remount=True))).keys[0].result == "added"
        assert is_read_only(home)
        assert not is_read_only(disk)
    finally:
        subprocess.run(["umount", str(home)], check=True)
    assert file.read_text() == f"{ONE.line}\n{key.line}\n"


@as_root
async def test_nothing_behind_a_link_is_mended(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    (elsewhere / "keys").write_text(f"{ONE.line}\n")
    os.chown(elsewhere / "keys", 12345, 12345)
    home = tmp_path / "home"
    home.mkdir()
    file = keys_file(home)
    file.unlink()
    file.symlink_to(elsewhere / "keys")
    done = await add(sh, home, key, permissions=Permissions(fix_permissions=True))
    assert done.changes == ()
    assert len(done.warnings) >= 2
    assert (elsewhere.stat().st_mode & 0o777, (elsewhere / "keys").stat().st_uid) == (0o777, 12345)


@as_root
async def test_permissions_are_mended_if_that_is_wanted(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f"{ONE.line}\n")
    file.chmod(0o666)
    file.parent.chmod(0o777)
    os.chown(file.parent, 12345, 12345)
    told = await add(sh, tmp_path, key)
    assert len(told.warnings) == 3
    assert told.changes == ()
    assert file.stat().st_mode & 0o777 == 0o666
    done = await add(sh, tmp_path, new_key(), permissions=Permissions(fix_permissions=True))
    assert done.warnings == ()
    assert len(done.changes) == 3
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o644, 0o755)
    assert file.parent.stat().st_uid == 0
    file.chmod(0o620)
    present = await add(sh, tmp_path, key, permissions=Permissions(fix_permissions=True))
    assert (present.keys[0].result, present.warnings) == ("present", ())
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o620)
    assert (await add(sh, tmp_path, key, permissions=Permissions(fix_permissions=True), dry_run=True)).changes == ()
    assert file.stat().st_mode & 0o777 == 0o620


@as_root
@pytest.mark.parametrize("missing", [False, True])
async def test_an_immutable_file_or_folder_is_lifted_and_put_back(
    missing: bool, sh: list[str], disk: Path, key: sosagent.PublicKey
) -> None:
    file = keys_file(disk, f"{ONE.line}\n")
    if missing:
        file.unlink()
    guarded = file.parent if missing else file
    subprocess.run(["chattr", "+i", str(guarded)], check=True)
    with pytest.raises(sosagent.EditRefused, match="is immutable") as caught:
        await add(sh, disk, key)
    assert "--allow-immutable" in caught.value.hint
    done = await add(sh, disk, key, permissions=Permissions(allow_immutable=True))
    assert done.keys[0].result == "added"
    assert "i" in attributes(guarded)
    assert file.read_text() == ("" if missing else f"{ONE.line}\n") + f"{key.line}\n"


@as_root
@pytest.mark.parametrize("missing", [False, True])
async def test_a_read_only_file_system_is_lifted_and_put_back(
    missing: bool, sh: list[str], disk: Path, key: sosagent.PublicKey
) -> None:
    file = keys_file(disk, f"{ONE.line}\n")
    if missing:
        shutil.rmtree(file.parent)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(sosagent.EditRefused, match="mounted read-only") as caught:
        await add(sh, disk, key)
    assert "--remount" in caught.value.hint
    done = await add(sh, disk, key, permissions=Permissions(remount=True))
    assert done.keys[0].result == "added"
    assert is_read_only(disk)
    assert file.read_text() == ("" if missing else f"{ONE.line}\n") + f"{key.line}\n"


@as_root
async def test_read_only_and_immutable_at_once(sh: list[str], disk: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(disk, f"{ONE.line}\n")
    subprocess.run(["chattr", "+i", str(file)], check=True)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(sosagent.EditRefused, match="immutable"):
        await add(sh, disk, key, permissions=Permissions(remount=True))
    assert is_read_only(disk)
    done = await add(sh, disk, key, permissions=Permissions(remount=True, allow_immutable=True))
    assert done.keys[0].result == "added"
    assert is_read_only(disk)
    assert "i" in attributes(file)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


@as_root
async def test_no_inodes(sh: list[str], disk: Path, key: sosagent.PublicKey) -> None:
    home = disk / "home"
    home.mkdir()
    with pytest.raises(OSError, match="No space"):
        for number in range(100):
            (disk / f"filler{number}").touch()
    with pytest.raises(sosagent.EditRefused, match=r"No space left|full"):
        await add(sh, home, key)
    assert list(home.iterdir()) == []
    (disk / "filler0").unlink()
    # One inode: for the folder, and none for the file.
    with pytest.raises(sosagent.EditRefused, match=r"No space left|full"):
        await add(sh, home, key)
    (disk / "filler1").unlink()
    (disk / "filler2").unlink()
    assert (await add(sh, home, key)).keys[0].result == "added"


@as_root
async def test_a_torn_piece_that_cannot_be_taken_back_is_told(
    sh: list[str], disk: Path, key: sosagent.PublicKey
) -> None:
    """A file that only grows (chattr +a), on a disk that is full."""
    old = (f"{ONE.line}\n" + "#" * 5000)[: 1024 * 4 - 41] + "\n"
    file = keys_file(disk, old)
    fill(disk)
    subprocess.run(["chattr", "+a", str(file)], check=True)
    with pytest.raises(sosagent.NotVerified, match="could not be taken back") as caught:
        await add(sh, disk, key)
    assert caught.value.exit_code == 7
    assert file.read_text() == old + key.line[:40]


async def test_somebody_who_writes_the_file_anew_meanwhile(tmp_path: Path, key: sosagent.PublicKey) -> None:
    """As Ansible and Google's agent do: read, and rename a copy of their own over it; here just behind our append."""
    installed(["bash"])
    file = keys_file(tmp_path, f"{ONE.line}\n")
    theirs = new_key("theirs")
    new = f"{ONE.line}\n{theirs.line}\n"
    (tmp_path / "new").write_text(new)
    moved = f'() {{ builtin printf "$@"; [ "$1" != "{key.line}\\n" ] || mv {tmp_path}/new {file} 2>/dev/null || :; }}'
    done = await add(["bash", "--posix"], tmp_path, key, env={"BASH_FUNC_printf%%": moved})
    assert done.keys[0].result == "added"
    assert file.read_text() == f"{new}{key.line}\n"


async def test_a_file_of_five_million_bytes(sh: list[str], tmp_path: Path, key: sosagent.PublicKey) -> None:
    old = f"{ONE.line}\n" + f"# {'x' * 400}\n" * 12_500
    file = keys_file(tmp_path, old)
    done = await add(sh, tmp_path, key)
    assert (done.before, done.keys[0].result) == (1, "added")
    assert file.read_text() == f"{old}{key.line}\n"


async def test_no_mask_makes_nothing_that_others_may_write(
    sh: list[str], tmp_path: Path, key: sosagent.PublicKey
) -> None:
    mask = os.umask(0)
    try:
        await add(sh, tmp_path, key)
    finally:
        os.umask(mask)
    file = tmp_path / ".ssh" / "authorized_keys"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
