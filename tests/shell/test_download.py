"""Downloads in real shells: resumed after an interruption, compared, or refused with the reason."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

import pytest

import sosagent

from ..support.transfers import RANDOM, TEXT, names, shell_in


@pytest.mark.quiet  # late replies count as damage, so a transfer beside many others may take long
async def test_cancelled_transfers_are_resumed(home: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    async with shell_in(["/bin/sh"], home) as shell:
        whole = await shell.upload(RANDOM, "~/whole")
        for job in ("up", "down"):

            def stop(done: int, total: int) -> None:
                if done > total // 3:
                    task.cancel()

            if job == "up":
                task = asyncio.ensure_future(shell.upload(RANDOM, "~/file", on_progress=stop))
            else:
                task = asyncio.ensure_future(shell.download("~/whole", here, on_progress=stop))
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
            assert "run the command again to resume" in caught.value.__notes__[0]
        up = await shell.upload(RANDOM, "~/file")
        down = await shell.download("~/whole", here)
    assert (home / "file").read_bytes() == here.read_bytes() == RANDOM
    assert min(up.resumed_from, down.resumed_from) > len(RANDOM) // 3
    assert max(up.bytes_sent, down.bytes_received) < 0.7 * whole.bytes_sent


async def test_part_of_another_file_is_not_resumed(home: Path, tmp_path: Path) -> None:
    here, part = tmp_path / "here", tmp_path / ".here.sosagent-part"
    (home / "file").write_bytes(TEXT)
    for old, resumed_from in ((b"x" * 640, 0), (TEXT[:1000], 960), (TEXT + bytes(100), 0)):
        part.write_bytes(old)
        async with shell_in(["/bin/sh"], home) as shell:
            assert (await shell.download("~/file", here)).resumed_from == resumed_from
        assert here.read_bytes() == TEXT
        assert not part.exists()


async def test_invalid_sources_and_targets_are_refused(sh: list[str], home: Path, tmp_path: Path) -> None:
    (home / "long").write_bytes(b"x" * 2000)
    os.mkfifo(home / "pipe")
    here = tmp_path / "here"
    reasons = {
        "~/no": "does not exist",
        str(home): "folder",
        "~/pipe": "not a regular",
        "/dev/zero": "not a regular",
    }
    async with shell_in(sh, home) as shell:
        for path, reason in reasons.items():
            with pytest.raises(sosagent.EditRefused, match=reason):
                await shell.download(path, here)
        with pytest.raises(sosagent.EditRefused, match="2,000 bytes, more than 1,999"):
            await shell.download("~/long", here, most=1999)
        with pytest.raises(sosagent.UsageError, match="is a folder"):
            await shell.download("~/long", tmp_path)
        (tmp_path / ".here.sosagent-part").symlink_to(home / "long")
        with pytest.raises(sosagent.UsageError, match="cannot write"):
            await shell.download("~/long", here)
    assert not here.exists()
    assert (home / "long").read_bytes() == b"x" * 2000


async def test_file_that_changes_during_the_download_is_refused(home: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    for contents in (b"y", RANDOM[:-10]):
        (home / "file").write_bytes(RANDOM)

        def change(done: int, total: int, contents: bytes = contents) -> None:
            if done:
                (home / "file").write_bytes(contents)

        async with shell_in(["/bin/sh"], home) as shell:
            with pytest.raises(sosagent.NotVerified, match="changed on the machine"):
                await shell.download("~/file", here, on_progress=change)
        assert not here.exists()


async def test_most_bytes_on_the_line_are_the_file(home: Path) -> None:
    """The contents cannot be compressed; base64 alone leaves 75 %."""
    data = random.Random(3).randbytes(1 << 19)
    async with shell_in(["/bin/sh"], home) as shell:
        up = await shell.upload(data, "~/file")
        down = await shell.download("~/file", None)
    assert down.data == data
    assert len(data) / (up.bytes_sent + up.bytes_received) >= 0.70
    assert len(data) / (down.bytes_sent + down.bytes_received) >= 0.70


async def test_local_file_with_a_similar_name_is_not_touched(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "here.part"
    other.write_bytes(b"half of a film")
    (home / "file").write_bytes(b"x" * 3000)
    async with shell_in(["/bin/sh"], home) as shell:
        await shell.download("~/file", tmp_path / "here")
    assert other.read_bytes() == b"half of a film"
    assert {"here", "here.part"} <= set(names(tmp_path))
    assert not (tmp_path / ".here.sosagent-part").exists()


async def test_length_that_is_not_a_number_is_refused(home: Path, tmp_path: Path) -> None:
    (home / "file").write_bytes(b"x")
    (tmp_path / "bin").mkdir()
    fake_ls = tmp_path / "bin" / "ls"
    fake_ls.write_text("#!/bin/sh\necho '-rw------- 1 0 0 \u00b2 x'\n")
    fake_ls.chmod(0o755)
    async with shell_in(["/bin/sh"], home, f"{fake_ls.parent}:{os.environ['PATH']}") as shell:
        with pytest.raises(sosagent.SosError):
            await shell.download("~/file", None)


async def test_a_part_that_is_changed_here_meanwhile_is_not_the_file(home: Path, tmp_path: Path) -> None:
    (home / "file").write_bytes(RANDOM)
    here, part = tmp_path / "here", tmp_path / ".here.sosagent-part"

    def damage(done: int, total: int) -> None:
        with part.open("r+b") as opened:
            opened.write(bytes(16))

    async with shell_in(["/bin/sh"], home) as shell:
        with pytest.raises(sosagent.NotVerified):
            await shell.download("~/file", here, on_progress=damage)
    assert not here.exists()
