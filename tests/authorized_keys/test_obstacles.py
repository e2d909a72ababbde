"""authorized_keys/obstacles.py on real file systems: obstacles are reported, or removed and restored if permitted."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import sosagent
from sosagent.access import Permissions

from ..conftest import new_key
from ..support.authorized_keys import ONE, add, as_root, attributes, is_read_only, keys_file

pytestmark = as_root


@pytest.mark.parametrize("missing", [False, True])
async def test_immutable_file_or_folder(missing: bool, sh: list[str], disk: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(disk, f"{ONE.line}\n")
    if missing:
        file.unlink()
    immutable = file.parent if missing else file
    subprocess.run(["chattr", "+i", str(immutable)], check=True)
    with pytest.raises(sosagent.EditRefused, match="is immutable") as caught:
        await add(sh, disk, key)
    assert "--allow-immutable" in caught.value.hint
    assert missing or file.read_text() == f"{ONE.line}\n"
    done = await add(sh, disk, key, permissions=Permissions(allow_immutable=True))
    assert done.keys[0].result == "added"
    assert "i" in attributes(immutable)
    assert file.read_text() == ("" if missing else f"{ONE.line}\n") + f"{key.line}\n"


@pytest.mark.parametrize("missing", [False, True])
async def test_read_only_file_system(missing: bool, sh: list[str], disk: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(disk, f"{ONE.line}\n")
    if missing:
        shutil.rmtree(file.parent)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(sosagent.EditRefused, match="mounted read-only") as caught:
        await add(sh, disk, key)
    assert "--remount" in caught.value.hint
    assert missing or file.read_text() == f"{ONE.line}\n"
    done = await add(sh, disk, key, permissions=Permissions(remount=True))
    assert done.keys[0].result == "added"
    assert is_read_only(disk)
    assert file.read_text() == ("" if missing else f"{ONE.line}\n") + f"{key.line}\n"


async def test_read_only_and_immutable(sh: list[str], disk: Path, key: sosagent.PublicKey) -> None:
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


async def test_protection_is_restored_if_the_write_fails(sh: list[str], disk: Path, key: sosagent.PublicKey) -> None:
    """The folder is immutable too, and removing that is not permitted: the program stops in the middle."""
    file = keys_file(disk)
    file.unlink()
    subprocess.run(["chattr", "+i", str(file.parent)], check=True)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(sosagent.EditRefused, match="immutable"):
        await add(sh, disk, key, permissions=Permissions(remount=True))
    assert is_read_only(disk)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


async def test_read_only_bind_mount_does_not_change_its_file_system(
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


async def test_modes_are_fixed_if_permitted(tmp_path: Path, key: sosagent.PublicKey) -> None:
    file = keys_file(tmp_path, f"{ONE.line}\n")
    file.chmod(0o666)
    file.parent.chmod(0o777)
    os.chown(file.parent, 12345, 12345)
    reported = await add(["dash"], tmp_path, key)
    assert len(reported.warnings) == 3
    assert reported.changes == ()
    assert file.stat().st_mode & 0o777 == 0o666
    done = await add(["dash"], tmp_path, new_key(), permissions=Permissions(fix_permissions=True))
    assert done.warnings == ()
    assert len(done.changes) == 3
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o644, 0o755)
    assert file.parent.stat().st_uid == 0
    file.chmod(0o620)
    os.chown(file, -1, 4)
    present = await add(["dash"], tmp_path, key, permissions=Permissions(fix_permissions=True))
    assert (present.keys[0].result, present.warnings) == ("present", ())
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o620)
    os.chown(file, -1, 4)
    dry = await add(["dash"], tmp_path, key, permissions=Permissions(fix_permissions=True), dry_run=True)
    assert dry.changes == ()
    assert file.stat().st_mode & 0o777 == 0o620


async def test_modes_behind_a_link_are_not_fixed(tmp_path: Path, key: sosagent.PublicKey) -> None:
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
    done = await add(["dash"], home, key, permissions=Permissions(fix_permissions=True))
    assert done.changes == ()
    assert len(done.warnings) >= 2
    assert (elsewhere.stat().st_mode & 0o777, (elsewhere / "keys").stat().st_uid) == (0o777, 12345)
