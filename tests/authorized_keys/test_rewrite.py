"""authorized_keys/rewrite.py: keys are removed and lines repaired, in real shells on real files."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import sosagent
from sosagent.access import Permissions
from sosagent.authorized_keys.edits import Review
from sosagent.authorized_keys.key_file import key_file_of
from sosagent.authorized_keys.line import joined_at
from sosagent.authorized_keys.rewrite import Rewritten, remove_keys, repair_keys
from sosagent.session.machine import Rights

from ..conftest import installed, new_key
from ..support.authorized_keys import ONE, as_root, attributes, fill, is_read_only, keys_file
from ..support.ptys import verified_shell

TWO, THREE = new_key("two"), new_key("three", "ssh-rsa")
ALL = f"# ours\n{ONE.line}\n\n{TWO.line}\n# \\n %s 'x\n{THREE.line}\n"


async def remove(
    sh: Sequence[str],
    home: Path,
    *keys: sosagent.PublicKey,
    permissions: Permissions | None = None,
    env: Mapping[str, str] | None = None,
) -> Rewritten:
    async with verified_shell(sh, home, env=env) as (shell, _):
        try:
            return await remove_keys(shell, keys, user="root", own=True, logged_in=True, permissions=permissions)
        finally:
            await shell.close()


async def repair(sh: Sequence[str], home: Path) -> Rewritten:
    async with verified_shell(sh, home) as (shell, _):
        try:
            return await repair_keys(shell, user="root", own=True, logged_in=True)
        finally:
            await shell.close()


async def test_one_key_is_removed_and_the_rest_is_kept(sh: list[str], tmp_path: Path) -> None:
    file = keys_file(tmp_path, ALL)
    file.chmod(0o640)
    done = await remove(sh, tmp_path, TWO)
    assert file.read_text() == ALL.replace(f"{TWO.line}\n", "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert done.lines == (TWO.line,)
    assert Path(done.backup).read_text() == ALL
    assert Path(done.backup).parent == file.parent
    assert sorted(path.name for path in file.parent.iterdir()) == sorted([file.name, Path(done.backup).name])


async def test_every_line_with_the_key_is_removed(sh: list[str], tmp_path: Path) -> None:
    file = keys_file(tmp_path)
    async with verified_shell(sh, tmp_path) as (shell, _):
        for old, new in (
            (f"{ONE.line}\n", ""),
            (ONE.line, ""),  # without a newline
            (f"{TWO.line}\n{ONE.line}", f"{TWO.line}\n"),
            (f'from="10.0.0.1" {ONE.line}\n{TWO.line}\n{ONE.line}\r\n', f"{TWO.line}\n"),
            (f"#{ONE.line}\n{ONE.line}\n# gr\xfc\xdfe\n", f"#{ONE.line}\n# gr\xfc\xdfe\n"),
        ):
            file.write_bytes(old.encode("latin-1"))
            await remove_keys(shell, [ONE], user="root", own=True, logged_in=True)
            assert file.read_bytes() == new.encode("latin-1")
        await shell.close()


async def test_each_change_has_its_own_backup(sh: list[str], tmp_path: Path) -> None:
    """Two changes in one second, or with a clock that stands still or has no time: no backup replaces another."""
    file = keys_file(tmp_path, ALL)
    for output in ("20000101000000", ""):
        clock = tmp_path / "date"
        clock.write_text(f"#!/bin/sh\necho {output}\n")
        clock.chmod(0o755)
        contents = {}
        async with verified_shell(sh, tmp_path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}) as (shell, _):
            for number in range(3):
                file.write_text(f"# {number}\n{ONE.line}\n")
                done = await remove_keys(shell, [ONE], user="root", own=True, logged_in=True)
                contents[done.backup] = f"# {number}\n{ONE.line}\n"
            await shell.close()
        assert len(contents) == 3
        assert {name: Path(name).read_text() for name in contents} == contents
    assert not list(file.parent.glob("*.new"))


async def test_several_keys_and_an_absent_one(tmp_path: Path) -> None:
    sh = ["dash"]
    file = keys_file(tmp_path, ALL)
    done = await remove(sh, tmp_path, THREE, ONE, new_key())
    assert file.read_text() == ALL.replace(f"{ONE.line}\n", "").replace(f"{THREE.line}\n", "")
    assert len(done.lines) == 2
    inode = file.stat().st_ino
    assert (await remove(sh, tmp_path, ONE)).backup == ""
    assert file.stat().st_ino == inode


async def test_link_is_kept_and_its_target_is_rewritten(sh: list[str], tmp_path: Path) -> None:
    file = keys_file(tmp_path)
    (tmp_path / "real").write_text(ALL)
    file.unlink()
    file.symlink_to("../real")
    done = await remove(sh, tmp_path, ONE)
    assert file.is_symlink()
    assert done.file == str(tmp_path / "real")
    assert (tmp_path / "real").read_text() == ALL.replace(f"{ONE.line}\n", "")


async def test_link_to_an_unsafe_name_is_refused(tmp_path: Path) -> None:
    file = keys_file(tmp_path)
    odd = tmp_path / "k$(touch${IFS}RUN)"
    odd.write_text(ALL)
    file.unlink()
    file.symlink_to(odd)
    with pytest.raises(sosagent.EditRefused, match="cannot be typed safely"):
        await remove(["dash"], tmp_path, ONE)
    assert odd.read_text() == ALL
    assert not (tmp_path / "RUN").exists()


async def test_two_rewrites_in_one_second_keep_both_backups(sh: list[str], tmp_path: Path) -> None:
    file = keys_file(tmp_path, ALL)
    first = await remove(sh, tmp_path, ONE)
    second = await remove(sh, tmp_path, TWO)
    assert Path(first.backup).read_text() == ALL
    assert Path(second.backup).read_text() == ALL.replace(f"{ONE.line}\n", "")
    assert file.read_text() == ALL.replace(f"{ONE.line}\n", "").replace(f"{TWO.line}\n", "")


async def test_file_with_hard_links_is_refused(tmp_path: Path) -> None:
    file = keys_file(tmp_path, ALL)
    os.link(file, tmp_path / "other")
    with pytest.raises(sosagent.EditRefused, match="2 hard links"):
        await remove(["dash"], tmp_path, ONE)
    assert file.read_text() == ALL


@as_root
async def test_full_disk_loses_nothing(sh: list[str], disk: Path) -> None:
    file = keys_file(disk, ALL)
    fill(disk)
    with pytest.raises(sosagent.EditRefused):
        await remove(sh, disk, ONE)
    assert file.read_text() == ALL
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@as_root
async def test_obstacles_are_removed_and_restored(sh: list[str], disk: Path) -> None:
    file = keys_file(disk, ALL)
    os.chown(file, 12345, 12345)
    subprocess.run(["chattr", "+i", str(file)], check=True)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(sosagent.EditRefused, match="read-only"):
        await remove(sh, disk, ONE)
    await remove(sh, disk, ONE, permissions=Permissions(remount=True, allow_immutable=True))
    assert is_read_only(disk)
    assert file.read_text() == ALL.replace(f"{ONE.line}\n", "")
    assert "i" in attributes(file)
    assert file.stat().st_uid == 12345
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    subprocess.run(["chattr", "-i", str(file)], check=True)


async def test_line_appended_at_the_last_moment_is_kept(tmp_path: Path) -> None:
    installed(["bash"])
    file = keys_file(tmp_path, ALL)
    late = new_key("late")
    mv = f'() {{ echo "{late.line}" >>{file}; command mv "$@"; }}'
    with pytest.raises(sosagent.NotVerified, match="not as expected") as caught:
        await remove(["bash", "--posix"], tmp_path, ONE, env={"BASH_FUNC_mv%%": mv})
    assert file.read_text() == ALL.replace(f"{ONE.line}\n", "") + f"{late.line}\n"
    assert f"{file}.sosagent." in caught.value.hint


async def test_incomplete_copy_does_not_replace_the_file(tmp_path: Path) -> None:
    installed(["bash"])
    file = keys_file(tmp_path, ALL)
    tail = '() { command tail "$@" | head -c -1; }'
    with pytest.raises(sosagent.EditRefused, match="cannot write"):
        await remove(["bash", "--posix"], tmp_path, TWO, env={"BASH_FUNC_tail%%": tail})
    assert file.read_text() == ALL
    assert list(file.parent.iterdir()) == [file]


async def test_byte_order_mark_and_joined_keys_are_repaired(sh: list[str], tmp_path: Path) -> None:
    bare = f"{TWO.type} {TWO.base64}"
    old = f"{ONE.line}\n{bare}{THREE.line}\n# x\n{ONE.line}{TWO.line}\nssh-foo bar\n"
    file = keys_file(tmp_path, b"\xef\xbb\xbf" + old.encode())
    done = await repair(sh, tmp_path)
    assert file.read_text() == f"{ONE.line}\n{bare}\n{THREE.line}\n# x\n{ONE.line}\n{TWO.line}\nssh-foo bar\n"
    assert len(done.lines) == 3
    assert (await repair(sh, tmp_path)).backup == ""


def test_joined_keys_are_recognised() -> None:
    assert joined_at(f"{ONE.line}{TWO.line}") == len(ONE.line)
    assert joined_at(ONE.line) is None
    assert joined_at(f"{ONE.line} was {TWO.line}") is None
    assert joined_at(f"# {ONE.line}{TWO.line}") is None


async def test_a_change_is_shown_and_made_only_if_it_is_confirmed(sh: list[str], tmp_path: Path) -> None:
    content = b"# gr\xfc\xdfe \t\x1b[m\\n\n" + f"{ONE.line}\r\n\n{TWO.line}\n\n\n".encode()
    file = keys_file(tmp_path, content)
    shown: list[sosagent.FileChange] = []
    answers = iter((False, True))

    async def confirm(change: sosagent.FileChange) -> bool:
        shown.append(change)
        return next(answers)

    async with verified_shell(sh, tmp_path) as (shell, _):
        rights = Rights(user="root", own=True, logged_in=True)
        done = await remove_keys(shell, [TWO], **rights, review=Review(dry_run=True, confirm=confirm))
        assert (done.lines, done.backup, shown) == ((TWO.line,), "", [])
        with pytest.raises(sosagent.NotConfirmed):
            await remove_keys(shell, [TWO], **rights, review=Review(confirm=confirm))
        assert file.read_bytes() == content
        again = await remove_keys(shell, [TWO], **rights, review=Review(confirm=confirm))
        assert file.read_bytes() == content.replace(f"{TWO.line}\n".encode(), b"")
        assert shown == [done.change, again.change]
        assert shown[0].diff[3:] == (
            " # gr\\xfc\\xdfe   \\x1b[m\\n", f" {ONE.line}\\x0d", " ", f"-{TWO.line}", " ", " ",
        )  # fmt: skip
        nothing = await remove_keys(shell, [TWO], **rights, review=Review(confirm=confirm))
        assert (nothing.lines, nothing.change) == ((), None)
        await shell.close()


async def test_a_file_that_changed_after_it_was_shown_stays_as_it_is(sh: list[str], tmp_path: Path) -> None:
    file = keys_file(tmp_path, ALL)
    changed = ALL.replace("# ours", "# your")  # as long as before

    async def confirm(_: sosagent.FileChange) -> bool:
        file.write_text(changed)
        return True

    async with verified_shell(sh, tmp_path) as (shell, _):
        with pytest.raises(sosagent.EditRefused, match="another program changed"):
            await remove_keys(shell, [TWO], user="root", own=True, logged_in=True, review=Review(confirm=confirm))
        await shell.close()
    assert (file.read_text(), list(file.parent.iterdir())) == (changed, [file])


@as_root
async def test_the_file_of_another_user_is_read_with_the_rights_of_that_user(sh: list[str], tmp_path: Path) -> None:
    content = f"# it's ours\n{ONE.line}\n\n\n".encode()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "keys")
        file.parent.chmod(0o755)  # those of pytest are closed to others
        file.write_bytes(content)
        file.chmod(0o644)
        key_file = replace(key_file_of("nobody", own=False, logged_in=True), path=str(file))
        async with verified_shell(sh, tmp_path) as (shell, _):
            assert (await shell.run(key_file.ask("print_file"))).output == content + b"."
            file.chmod(0o600)
            assert content not in (await shell.run(key_file.ask("print_file"))).output
            await shell.close()
