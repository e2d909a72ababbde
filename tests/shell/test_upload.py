"""Uploads in real shells: exact contents, resumed after an interruption, or refused with the reason."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import sosagent
from sosagent.shell.frame import cksum

from ..support.authorized_keys import as_root, fill
from ..support.transfers import CONTENTS, RANDOM, names, shell_in


async def test_upload_and_download_are_exact(sh: list[str], home: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    async with shell_in(sh, home) as shell:
        for name, data in CONTENTS.items():
            up = await shell.upload(data, "~/file")
            down = await shell.download("~/file", here)
            again = await shell.download(f"{home}/file", None)
            assert (home / "file").read_bytes() == here.read_bytes() == again.data == data, name
            assert (up.size, up.cksum, up.resumed_from) == (len(data), cksum(data), 0)
            assert up.sha256 == down.sha256
            assert up.sha256 is not None
            assert (names(home), names(tmp_path)) == (["file"], ["here", "home"])
            assert [stat.S_IMODE(path.stat().st_mode) for path in (home / "file", here)] == [0o600, 0o600]
            if name == "text":
                assert max(up.bytes_sent, down.bytes_received) < len(data) / 2
            (home / "file").unlink()
            here.unlink()


async def test_names_with_special_characters(sh: list[str], home: Path) -> None:
    special = ["a b'c", "gr\u00fc\u00dfe!", "-n $(x) `y` %s\\", "sos_path", "*"]
    async with shell_in(sh, home) as shell:
        for name in special:
            await shell.upload(b"one", f"{home}/{name}")
            assert (await shell.download(f"~/{name}", None)).data == b"one"
    assert names(home) == sorted(special)


async def test_mode_and_owner_of_a_replaced_file_are_kept(sh: list[str], home: Path) -> None:
    file = home / "file"
    file.write_bytes(b"old")
    file.chmod(0o4751)
    if os.getuid() == 0:
        os.chown(file, 12345, 12346)
        file.chmod(0o4751)
    before = file.stat()
    async with shell_in(sh, home) as shell:
        await shell.upload(b"new", "~/file")
        after = file.stat()
        assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)
        await shell.upload(b"newer", "~/file", mode=0o640)
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"newer", 0o640)


def part_of(home: Path) -> Path:
    """Return the part file of ``~/file``, in its folder."""
    folder = home / ".file.sosagent-part"
    folder.mkdir(mode=0o700)
    return folder / "part"


async def resume(sh: list[str], home: Path, cut: int) -> None:
    part = part_of(home)
    part.write_bytes(RANDOM[:cut])
    part.chmod(0o600)
    async with shell_in(sh, home) as shell:
        done = await shell.upload(RANDOM, "~/file")
    assert (home / "file").read_bytes() == RANDOM
    assert done.resumed_from == cut
    assert done.bytes_sent < 1.5 * (len(RANDOM) - cut) + 5000
    assert names(home) == ["file"]


async def test_interrupted_upload_is_resumed(sh: list[str], home: Path) -> None:
    await resume(sh, home, 64 * 1024)


@pytest.mark.parametrize("cut", [1, 700, 100 * 1024])
async def test_interrupted_upload_is_resumed_at_any_length(cut: int, home: Path) -> None:
    await resume(["/bin/sh"], home, cut)


@pytest.mark.parametrize("old", [b"x" * 1000, RANDOM + b"x", b""])
async def test_part_of_another_file_is_not_resumed(old: bytes, home: Path) -> None:
    part = part_of(home)
    part.write_bytes(old)
    part.chmod(0o600)
    async with shell_in(["/bin/sh"], home) as shell:
        done = await shell.upload(RANDOM, "~/file")
    assert ((home / "file").read_bytes(), done.resumed_from) == (RANDOM, 0)


async def test_link_in_place_of_the_part_folder_is_not_followed(sh: list[str], home: Path, tmp_path: Path) -> None:
    folder, elsewhere = home / ".file.sosagent-part", tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (elsewhere / "part").write_bytes(RANDOM[:500])
    folder.symlink_to(elsewhere)
    async with shell_in(sh, home) as shell:
        assert (await shell.upload(RANDOM[:2000], "~/file")).resumed_from == 0
    assert (home / "file").read_bytes() == RANDOM[:2000]
    assert not (home / "file").is_symlink()
    assert (elsewhere / "part").read_bytes() == RANDOM[:500]
    assert names(home) == ["file"]


async def test_part_folder_that_others_may_write_to_is_not_used(sh: list[str], home: Path) -> None:
    part = part_of(home)
    part.write_bytes(RANDOM[:500])
    part.parent.chmod(0o770)
    async with shell_in(sh, home) as shell:
        with pytest.raises(sosagent.EditRefused, match="other users may write to the folder"):
            await shell.upload(RANDOM[:2000], "~/file")
    assert part.read_bytes() == RANDOM[:500]
    assert names(home) == [".file.sosagent-part"]


@pytest.mark.parametrize("when", ["first", "last"])
async def test_user_who_may_write_to_the_folder_cannot_redirect_the_part(
    when: str, sh: list[str], home: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "etc"
    precious.mkdir(mode=0o700)  # the mode of root's home
    (precious / "part").write_bytes(b"theirs")
    (precious / "part").chmod(0o640)

    def redirect(done: int, total: int) -> None:
        if not (home / "away").exists() and done == (0 if when == "first" else total):
            (home / ".file.sosagent-part").rename(home / "away")
            (home / ".file.sosagent-part").symlink_to(precious)

    async with shell_in(sh, home) as shell:
        with pytest.raises(sosagent.EditRefused, match="other users may write to the folder"):
            await shell.upload(RANDOM[:5000], "~/file", on_progress=redirect)
    assert (precious / "part").read_bytes() == b"theirs"
    assert stat.S_IMODE((precious / "part").stat().st_mode) == 0o640
    assert not (home / "file").exists()


async def test_invalid_targets_are_refused(sh: list[str], home: Path) -> None:
    (home / "folder").mkdir()
    (home / "link").symlink_to("file")
    os.mkfifo(home / "pipe")
    reasons = {
        "folder": "is a folder",
        "link": "symbolic link",
        "pipe": "not a regular file",
        "no/x": "folder that does not exist",
    }
    before = names(home)
    async with shell_in(sh, home) as shell:
        for name, reason in reasons.items():
            with pytest.raises(sosagent.EditRefused, match=reason) as caught:
                await shell.upload(b"new", f"~/{name}")
            assert caught.value.exit_code == 6
        with pytest.raises(sosagent.EditRefused, match="not a regular file"):
            await shell.upload(b"new", "/dev/null")
    assert names(home) == before
    assert names(home / "folder") == []


async def test_part_that_another_program_writes_to_is_refused(home: Path) -> None:
    (home / "file").write_bytes(b"old")

    def write(done: int, total: int) -> None:
        if done:
            with (home / ".file.sosagent-part/part").open("ab") as part:
                part.write(b"theirs" * 20_000)

    async with shell_in(["/bin/sh"], home) as shell:
        with pytest.raises(sosagent.EditRefused, match="instead of"):
            await shell.upload(RANDOM, "~/file", on_progress=write)
    assert (home / "file").read_bytes() == b"old"


async def test_contents_are_compared_before_the_file_is_replaced(home: Path) -> None:
    (home / "file").write_bytes(b"old")

    def write(done: int, total: int) -> None:
        if done == total:
            with (home / ".file.sosagent-part/part").open("r+b") as part:
                part.write(b"theirs")

    async with shell_in(["/bin/sh"], home) as shell:
        with pytest.raises(sosagent.NotVerified, match="nothing was replaced"):
            await shell.upload(RANDOM[:5000], "~/file", on_progress=write)
        assert (home / "file").read_bytes() == b"old"
        assert (await shell.upload(RANDOM[:5000], "~/file")).resumed_from == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=256k", "none"]
    if subprocess.run(["mount", *options, str(folder)], check=False, capture_output=True).returncode:
        pytest.skip("cannot mount file systems here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@as_root
async def test_full_disk_is_reported_and_no_part_stays(sh: list[str], disk: Path) -> None:
    (disk / "file").write_bytes(b"old")

    def fill_disk(done: int, total: int) -> None:
        if done:
            fill(disk)

    async with shell_in(sh, disk) as shell:
        with pytest.raises(sosagent.EditRefused, match=r"300,000 bytes, but only .* are free"):
            await shell.upload(bytes(300_000), "~/file")
        assert names(disk) == ["file"]
        with pytest.raises(sosagent.EditRefused, match="disk is full"):
            await shell.upload(RANDOM, "~/file", on_progress=fill_disk)
    assert (disk / "file").read_bytes() == b"old"
    assert ".file.sosagent-part" not in names(disk)


@as_root
async def test_read_only_disk_is_reported(sh: list[str], disk: Path) -> None:
    (disk / "file").write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    async with shell_in(sh, disk) as shell:
        with pytest.raises(sosagent.EditRefused, match="read-only"):
            await shell.upload(b"new", "~/file")
    assert (disk / "file").read_bytes() == b"old"


async def test_a_file_is_replaced_only_if_that_is_confirmed(sh: list[str], home: Path) -> None:
    file = home / "file"
    file.write_bytes(b"old\n")
    shown: list[sosagent.FileChange] = []
    answers = iter((False, True))

    async def confirm(change: sosagent.FileChange) -> bool:
        shown.append(change)
        return next(answers)

    async with shell_in(sh, home) as shell:
        done = await shell.upload(b"new\n", "~/file", dry_run=True, confirm=confirm)
        assert (file.read_bytes(), shown, done.size) == (b"old\n", [], 4)
        with pytest.raises(sosagent.NotConfirmed, match="not confirmed; ~/file is unchanged"):
            await shell.upload(b"new\n", "~/file", confirm=confirm)
        assert (file.read_bytes(), names(home)) == (b"old\n", ["file"])
        again = await shell.upload(b"new\n", "~/file", confirm=confirm)
        assert (file.read_bytes(), names(home)) == (b"new\n", ["file"])
        assert shown == [done.change, again.change]
        assert shown[0].diff == ("--- ~/file", "+++ ~/file", "@@ -1 +1 @@", "-old", "+new")
        for target in ("~/file", "~/other"):  # nothing changes, and a new file
            await shell.upload(b"new\n", target, confirm=confirm)
        assert names(home) == ["file", "other"]


async def test_the_hashes_of_passwords_are_not_read_for_a_diff(sh: list[str], home: Path) -> None:
    (home / "shadow").write_text(RANDOM[:15000].hex())
    async with shell_in(sh, home) as shell:
        done = await shell.upload(b"root:$6$hash:19000::::::\n", "~/shadow", dry_run=True)
        assert done.change is not None and "SHA-256" in done.change.diff[2]
        assert shell.console.bytes_received < 5000


@pytest.mark.parametrize("before", [b"old", None])
async def test_a_file_that_changed_after_it_was_shown_is_not_replaced(
    sh: list[str], home: Path, before: bytes | None
) -> None:
    file = home / "file"
    if before is not None:
        file.write_bytes(before)

    async def confirm(_: sosagent.FileChange) -> bool:
        file.write_bytes(b"odd")  # as long as before
        return True

    def create(done: int, size: int) -> None:
        if done == size:
            file.write_bytes(b"odd")

    async with shell_in(sh, home) as shell:
        # A new file is not asked about: somebody else creates it when the part is complete.
        progress = create if before is None else None
        for _ in range(2 if before is None else 1):
            with pytest.raises(sosagent.EditRefused, match="another program changed ~/file after it was shown"):
                await shell.upload(b"new", "~/file", confirm=confirm, on_progress=progress)
            assert file.read_bytes() == b"odd"
            if before is None:
                file.unlink()
        file.write_bytes(b"old")
        done = await shell.upload(b"new", "~/file")
        assert (done.resumed_from, file.read_bytes(), names(home)) == (3, b"new", ["file"])


async def test_what_cannot_be_read_is_shown_as_such(home: Path) -> None:
    if os.getuid() == 0:
        pytest.skip("root can read every file")
    file = home / "file"
    file.write_bytes(b"old")
    file.chmod(0o200)
    async with shell_in(["sh"], home) as shell:
        done = await shell.upload(b"new", "~/file", dry_run=True)
    assert done.change is not None
    assert done.change.diff[2] == "-(contents that cannot be read)"
