"""Files over the console: whole whatever the line does, gone on with where they were cut, or refused and why."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import sosagent
from sosagent.jobs.transfer import download, upload
from sosagent.lab import DirectTransport, Faults, FaultyTransport, Lab, SimulatedMachine
from sosagent.login.transitions import Entry
from sosagent.session.machine import Access
from sosagent.shell.frame import cksum
from sosagent.shell.shell import Shell
from sosagent.shell.tools import Tools
from sosagent.shell.transfer import MIN_PIECE, PieceSize, remote_word

from ..authorized_keys.test_append import as_root, fill
from ..support.ptys import verified_shell

_PASSWORD = sosagent.Secret("correct horse 9")
_CHANCE = random.Random(7)
TEXT = b"".join(b"%06d the quick brown fox jumps over the lazy dog\n" % number for number in range(2000))
CONTENTS = {
    "nothing": b"",
    "one byte": b"\0",
    "two bytes": b"\r\n",
    "every byte": bytes(range(256)) * 3,
    "random": _CHANCE.randbytes(100 * 1024),
    "text": TEXT,
    "no newline at the end": b"one\ntwo",
    "newlines at the end": b"one\n\n\n",
    "what printf and the shell read": b"-n %s %% \\n \\c '\"`$(date)` ! sos_path sos_x = \\\\",
}
RANDOM = CONTENTS["random"]
#: What every machine has.
_FEW = ("cat", "chmod", "chown", "cksum", "dd", "df", "env", "head", "id", "kill", "ls", "mkdir", "mv", "od", "printf",
        "rm", "rmdir", "sleep", "stty", "sync", "tail", "tr", "wc")  # fmt: skip


@asynccontextmanager
async def shell_in(sh: Sequence[str], home: Path, path: str | None = None) -> AsyncIterator[Shell]:
    """A shell whose home is `home`; with only the programs of the folder `path`, if one is named."""
    async with verified_shell(sh, home, env={"PATH": path} if path else None) as (shell, _):
        yield shell
        await shell.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home on the machine with nothing in it."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", CONTENTS)
async def test_there_and_back(name: str, sh: list[str], home: Path, tmp_path: Path) -> None:
    data, here = CONTENTS[name], tmp_path / "here"
    async with shell_in(sh, home) as shell:
        up = await shell.upload(data, "~/file")
        down = await shell.download("~/file", here)
        again = await shell.download(f"{home}/file", None)
    assert (home / "file").read_bytes() == here.read_bytes() == again.data == data
    assert (up.size, up.cksum, up.resumed_from) == (len(data), cksum(data), 0)
    assert up.sha256 == down.sha256
    assert up.sha256 is not None
    assert (names(home), names(tmp_path)) == (["file"], ["here", "home"])
    assert [stat.S_IMODE(path.stat().st_mode) for path in (home / "file", here)] == [0o600, 0o600]
    if name == "text":
        assert max(up.bytes_sent, down.bytes_received) < len(data) / 2


@pytest.mark.parametrize("name", ["a b'c", "gr\u00fc\u00dfe!", "-n $(x) `y` %s\\", "sos_path", "*"])
async def test_names_that_a_shell_would_read(name: str, sh: list[str], home: Path) -> None:
    async with shell_in(sh, home) as shell:
        await shell.upload(b"one", f"{home}/{name}")
        assert (await shell.download(f"~/{name}", None)).data == b"one"
    assert names(home) == [name]


@pytest.mark.parametrize("path", ["", "file", "~", "~root/x", "/", "/etc/", "~/", "/x/..", "/a\nb", "/" + "x" * 5000])
def test_what_is_no_path_of_a_file(path: str) -> None:
    with pytest.raises(sosagent.UsageError):
        remote_word(path)


@pytest.fixture
def few_programs(tmp_path: Path) -> str:
    """A folder of what every machine has, and nothing that knows base64 or packs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for word in _FEW:
        found = shutil.which(word)
        if found is not None:
            (folder / word).symlink_to(found)
    return str(folder)


@pytest.mark.parametrize("name", ["every byte", "what printf and the shell read", "no newline at the end", "text"])
async def test_without_base64_and_gzip(name: str, sh: list[str], home: Path, few_programs: str) -> None:
    data = CONTENTS[name][:30_000]
    async with shell_in([shutil.which(sh[0]) or sh[0], *sh[1:]], home, few_programs) as shell:
        done = await shell.upload(data, "~/file")
        # BusyBox's own shell has all of them, whatever the PATH.
        assert await shell.find_tools() == Tools(None, None, False) or sh[0] == "busybox"
        assert (await shell.download("~/file", None)).data == data
    assert (home / "file").read_bytes() == data
    assert done.sha256 is None or sh[0] == "busybox"


@pytest.mark.parametrize("program", ["openssl", "python3", "perl", "busybox"])
async def test_each_that_knows_base64(program: str, home: Path, few_programs: str) -> None:
    found = shutil.which(program, path="/usr/bin:/bin")  # not what a version manager puts before it
    if found is None:
        pytest.skip(f"{program} is not installed")
    known = Path(few_programs) / program
    known.write_text(f'#!/bin/sh\nexec {found} "$@"\n')
    known.chmod(0o755)
    data = RANDOM[:10_000]
    async with shell_in(["/bin/sh"], home, few_programs) as shell:
        await shell.upload(data, "~/file")
        assert (await shell.download("~/file", None)).data == data
        tools = await shell.find_tools()
        assert tools.decoder is not None
        assert tools.decoder.startswith(program)


async def test_the_mode_and_the_owner_of_what_was_there_stay(sh: list[str], home: Path) -> None:
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
    """Where a run leaves what has come of ``~/file``."""
    folder = home / ".file.sosagent-part"
    folder.mkdir(mode=0o700)
    return folder / "part"


@pytest.mark.parametrize("cut", [1, 700, 64 * 1024, 100 * 1024])
async def test_an_upload_that_was_cut_goes_on(cut: int, sh: list[str], home: Path) -> None:
    part = part_of(home)
    part.write_bytes(RANDOM[:cut])
    part.chmod(0o600)
    async with shell_in(sh, home) as shell:
        done = await shell.upload(RANDOM, "~/file")
    assert (home / "file").read_bytes() == RANDOM
    assert done.resumed_from == cut
    assert done.bytes_sent < 1.5 * (len(RANDOM) - cut) + 5000
    assert names(home) == ["file"]


@pytest.mark.parametrize("old", [b"x" * 1000, RANDOM + b"x", b""])
async def test_a_part_of_something_else_is_not_gone_on_with(old: bytes, sh: list[str], home: Path) -> None:
    part = part_of(home)
    part.write_bytes(old)
    part.chmod(0o600)
    async with shell_in(sh, home) as shell:
        done = await shell.upload(RANDOM, "~/file")
    assert ((home / "file").read_bytes(), done.resumed_from) == (RANDOM, 0)


async def test_a_link_in_the_place_of_the_parts_folder_is_not_followed(
    sh: list[str], home: Path, tmp_path: Path
) -> None:
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


async def test_a_folder_that_others_may_write_to_is_not_used(sh: list[str], home: Path) -> None:
    part = part_of(home)
    part.write_bytes(RANDOM[:500])
    part.parent.chmod(0o770)
    async with shell_in(sh, home) as shell:
        with pytest.raises(sosagent.EditRefused, match="other users may write to the folder"):
            await shell.upload(RANDOM[:2000], "~/file")
    assert part.read_bytes() == RANDOM[:500]
    assert names(home) == [".file.sosagent-part"]


@pytest.mark.parametrize("when", ["first", "last"])
async def test_who_may_write_to_the_folder_cannot_lead_it_elsewhere(
    when: str, sh: list[str], home: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "etc"
    precious.mkdir(mode=0o700)  # as root's home is
    (precious / "part").write_bytes(b"theirs")
    (precious / "part").chmod(0o640)

    def meanwhile(done: int, total: int) -> None:
        if not (home / "away").exists() and done == (0 if when == "first" else total):
            (home / ".file.sosagent-part").rename(home / "away")
            (home / ".file.sosagent-part").symlink_to(precious)

    async with shell_in(sh, home) as shell:
        with pytest.raises(sosagent.EditRefused, match="other users may write to the folder"):
            await shell.upload(RANDOM[:5000], "~/file", on_progress=meanwhile)
    assert (precious / "part").read_bytes() == b"theirs"
    assert stat.S_IMODE((precious / "part").stat().st_mode) == 0o640
    assert not (home / "file").exists()


async def test_cancelled_in_the_middle_it_goes_on_later(home: Path, tmp_path: Path) -> None:
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


async def test_a_download_of_another_file_begins_anew(home: Path, tmp_path: Path) -> None:
    here, part = tmp_path / "here", tmp_path / ".here.sosagent-part"
    (home / "file").write_bytes(TEXT)
    for old, kept in ((b"x" * 640, 0), (TEXT[:1000], 960), (TEXT + bytes(100), 0)):
        part.write_bytes(old)
        async with shell_in(["/bin/sh"], home) as shell:
            assert (await shell.download("~/file", here)).resumed_from == kept
        assert here.read_bytes() == TEXT
        assert not part.exists()


async def test_where_nothing_can_be_put(sh: list[str], home: Path) -> None:
    (home / "folder").mkdir()
    (home / "link").symlink_to("file")
    os.mkfifo(home / "pipe")
    cases = {
        "folder": "is a folder",
        "link": "symbolic link",
        "pipe": "not a regular file",
        "no/x": "folder that does not exist",
    }
    before = names(home)
    async with shell_in(sh, home) as shell:
        for name, words in cases.items():
            with pytest.raises(sosagent.EditRefused, match=words) as caught:
                await shell.upload(b"new", f"~/{name}")
            assert caught.value.exit_code == 6
        with pytest.raises(sosagent.EditRefused, match="not a regular file"):
            await shell.upload(b"new", "/dev/null")
    assert names(home) == before
    assert names(home / "folder") == []


async def test_what_cannot_be_got(home: Path, tmp_path: Path) -> None:
    (home / "long").write_bytes(b"x" * 2000)
    os.mkfifo(home / "pipe")
    here = tmp_path / "here"
    async with shell_in(["/bin/sh"], home) as shell:
        for path, words in {
            "~/no": "does not exist",
            str(home): "folder",
            "~/pipe": "not a regular",
            "/dev/zero": "not a regular",
        }.items():
            with pytest.raises(sosagent.EditRefused, match=words):
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


async def test_a_file_that_changes_meanwhile_is_told(home: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    for change in (b"y", RANDOM[:-10]):
        (home / "file").write_bytes(RANDOM)

        def meanwhile(done: int, total: int, change: bytes = change) -> None:
            if done:
                (home / "file").write_bytes(change)

        async with shell_in(["/bin/sh"], home) as shell:
            with pytest.raises(sosagent.NotVerified, match="changed on the machine"):
                await shell.download("~/file", here, on_progress=meanwhile)
        assert not here.exists()


async def test_a_part_that_somebody_else_writes_to_is_told(home: Path) -> None:
    (home / "file").write_bytes(b"old")

    def meanwhile(done: int, total: int) -> None:
        if done:
            with (home / ".file.sosagent-part/part").open("ab") as part:
                part.write(b"theirs" * 20_000)

    async with shell_in(["/bin/sh"], home) as shell:
        with pytest.raises(sosagent.EditRefused, match="instead of"):
            await shell.upload(RANDOM, "~/file", on_progress=meanwhile)
    assert (home / "file").read_bytes() == b"old"


async def test_what_arrived_is_compared_before_it_replaces(home: Path) -> None:
    (home / "file").write_bytes(b"old")

    def meanwhile(done: int, total: int) -> None:
        if done == total:
            with (home / ".file.sosagent-part/part").open("r+b") as part:
                part.write(b"theirs")

    async with shell_in(["/bin/sh"], home) as shell:
        with pytest.raises(sosagent.NotVerified, match="nothing was replaced"):
            await shell.upload(RANDOM[:5000], "~/file", on_progress=meanwhile)
        assert (home / "file").read_bytes() == b"old"
        assert (await shell.upload(RANDOM[:5000], "~/file")).resumed_from == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=256k", "none"]
    if subprocess.run(["mount", *options, str(place)], check=False, capture_output=True).returncode:
        pytest.skip("no mounts here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@as_root
async def test_a_full_disk_is_told_and_nothing_stays(sh: list[str], disk: Path) -> None:
    (disk / "file").write_bytes(b"old")

    def meanwhile(done: int, total: int) -> None:
        if done:
            fill(disk)

    async with shell_in(sh, disk) as shell:
        with pytest.raises(sosagent.EditRefused, match=r"300,000 bytes, but only .* are free"):
            await shell.upload(bytes(300_000), "~/file")
        assert names(disk) == ["file"]
        with pytest.raises(sosagent.EditRefused, match="disk is full"):
            await shell.upload(RANDOM, "~/file", on_progress=meanwhile)
    assert (disk / "file").read_bytes() == b"old"
    assert ".file.sosagent-part" not in names(disk)


@as_root
async def test_a_read_only_disk_is_told(sh: list[str], disk: Path) -> None:
    (disk / "file").write_bytes(b"old")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    async with shell_in(sh, disk) as shell:
        with pytest.raises(sosagent.EditRefused, match="read-only"):
            await shell.upload(b"new", "~/file")
    assert (disk / "file").read_bytes() == b"old"


@asynccontextmanager
async def bad_line(faults: str) -> AsyncIterator[tuple[Path, Access, SimulatedMachine]]:
    """A machine behind a line with `faults`."""
    # Its shell may be nobody's, who has no way into the folders of the tests.
    folder = Path(tempfile.mkdtemp(prefix="sosagent-transfer-"))
    folder.chmod(0o711)
    machine = SimulatedMachine("lab", folder / "root", _PASSWORD)
    machine.power_on()
    transport = FaultyTransport(DirectTransport(machine), Faults.parse(faults))
    try:
        yield machine.home, Access(transport, _PASSWORD, Entry("root"), 100.0), machine
    finally:
        await transport.aclose()
        machine.power_off()
        shutil.rmtree(folder)


@pytest.mark.parametrize("faults", ["drop=1e-3", "double=1e-3", "flip=3e-4", "klog=50/s", "drop=1e-4,klog=10/s"])
@pytest.mark.parametrize("way", ["up", "down"])
async def test_over_a_bad_line_it_is_exact(way: str, faults: str) -> None:
    data = RANDOM if faults == "klog=50/s" else RANDOM[:1000]
    async with bad_line(f"{faults},seed=11") as (root, access, _):
        if way == "up":
            done = await upload(access, data, "~/file")
            assert (root / "file").read_bytes() == data
        else:
            (root / "file").write_bytes(data)
            (root / "file").chmod(0o644)
            done = await download(access, "~/file", None)
            assert done.file.data == data
    assert done.logged_out


@pytest.mark.parametrize("way", ["up", "down"])
async def test_a_line_that_dies_is_gone_on_with(way: str, tmp_path: Path) -> None:
    """The machine lives on, with what has come; the next connection finds it."""
    here = tmp_path / "here"
    async with bad_line("cut=90000") as (root, access, machine):
        (root / "from").write_bytes(RANDOM)
        (root / "from").chmod(0o644)
        with pytest.raises(sosagent.EndpointLost) as caught:
            await (upload(access, RANDOM, "~/to") if way == "up" else download(access, "~/from", here))
        assert any("run the command again to resume" in note for note in caught.value.__notes__)
        machine.power_off()
        machine.power_on()
        again = Access(DirectTransport(machine), _PASSWORD, Entry("root"), 60.0)
        done = await (upload(again, RANDOM, "~/to") if way == "up" else download(again, "~/from", here))
        assert (root / "to" if way == "up" else here).read_bytes() == RANDOM
        assert done.file.resumed_from > 0
        assert max(done.file.bytes_sent, done.file.bytes_received) < len(RANDOM)


async def test_most_of_what_goes_over_the_line_is_the_file(home: Path) -> None:
    """Of bytes that cannot be packed; base64 alone leaves 75 %."""
    data = random.Random(3).randbytes(1 << 20)
    async with shell_in(["/bin/sh"], home) as shell:
        up = await shell.upload(data, "~/file")
        down = await shell.download("~/file", None)
    assert down.data == data
    assert len(data) / (up.bytes_sent + up.bytes_received) >= 0.70
    assert len(data) / (down.bytes_sent + down.bytes_received) >= 0.70


def test_no_more_is_unpacked_than_was_asked_for() -> None:
    tools = Tools("base64 -d", "base64", True)
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush()
    assert tools.decode(b"z" + base64.b64encode(bomb), 1000) is None
    assert tools.decode(b"z" + base64.b64encode(bomb[:-8]), 50_000_000) == bytes(50_000_000)
    assert tools.decode(b"rQUJD", 3) == b"ABC"
    for bad in (b"", b"rQUJ", b"xQUJD", b"zQUJD", b"r\xff"):
        assert tools.decode(bad, 3) is None


def test_pieces_grow_and_shrink() -> None:
    pieces = PieceSize(base64=True)
    sizes = []
    for _ in range(8):
        sizes.append(pieces.size)
        pieces.note_intact(0.1)
    assert sizes == [2048, 4096, 8192, 16384, 32768, 49152, 49152, 49152]
    pieces.note_intact(20.0)
    assert pieces.size == 24576
    error = sosagent.LineDamaged("damaged")
    while pieces.size > MIN_PIECE:
        pieces.note_damaged(error)
        assert pieces.send_options
    for _ in range(3):
        pieces.note_damaged(error)
    assert not pieces.send_options
    with pytest.raises(sosagent.LineDamaged):
        pieces.note_damaged(error)
    with pytest.raises(sosagent.EndpointLost):
        PieceSize(base64=False).note_damaged(sosagent.EndpointLost("gone"))


async def run_cli(lab: Lab, arguments: list[str], *words: str) -> tuple[int, bytes, str]:
    job = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sosagent", words[0], *arguments, *words[1:],
        env={**os.environ, "SOS_PASSWORD": lab.password.reveal()},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await job.communicate()
    return job.returncode or 0, out, err.decode()


async def test_the_commands(lab: Lab, arguments: list[str], tmp_path: Path) -> None:
    file, here = tmp_path / "source", tmp_path / "here"
    file.write_bytes(RANDOM)
    code, out, err = await run_cli(lab, arguments, "upload", str(file), "~/file", "--mode", "0755", "--json")
    assert code == 0, err
    done = json.loads(out)
    assert (done["status"], done["size"], done["logged_out"]) == ("uploaded", len(RANDOM), True)
    assert stat.S_IMODE((lab.machine.home / "file").stat().st_mode) == 0o755
    code, out, err = await run_cli(lab, arguments, "download", "~/file", str(here))
    assert (code, here.read_bytes()) == (0, RANDOM), err
    assert b"downloaded 102,400 bytes, compared" in out
    code, out, err = await run_cli(lab, arguments, "download", "~/file", "-")
    assert (code, out) == (0, RANDOM), err
    code, out, err = await run_cli(lab, arguments, "download", "~/none", str(here), "--json")
    assert (code, json.loads(out)["error"]["code"]) == (6, "edit-refused")
    for words, said in (
        (("upload", str(file), "~/file", "--mode", "rwx"), "octal"),
        (("upload", str(tmp_path), "~/file"), "cannot read"),
        (("upload", str(file), "file"), "Start the path with /"),
        (("download", "~/file", "-", "--json"), "standard output"),
        (("download", "~/file", "--user", "bob"), "authorized_keys"),
    ):
        code, out, err = await run_cli(lab, arguments, *words)
        assert code == 2, err
        assert said in err + out.decode()


async def test_standard_output_that_is_full_is_told(lab: Lab, arguments: list[str]) -> None:
    (lab.machine.home / "file").write_bytes(b"x" * 5000)
    job = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", 'exec "$@" >/dev/full', "sh",
        sys.executable, "-m", "sosagent", "download", *arguments, "~/file", "-",
        env={**os.environ, "SOS_PASSWORD": lab.password.reveal()}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await job.communicate()
    assert job.returncode == 2
    assert b"cannot write to standard output: No space left" in err
    assert b"Traceback" not in err


async def test_a_place_here_that_cannot_be_is_told_before_anything_is_sent(
    lab: Lab, arguments: list[str], tmp_path: Path
) -> None:
    for place, words in ((tmp_path / "no" / "file", "its folder does not exist"), (tmp_path, "is a folder")):
        code, _, err = await run_cli(lab, arguments, "download", "~/file", str(place))
        assert (code, words in err, "connected" in err) == (2, True, False), err


async def test_a_file_here_that_is_called_like_a_part_is_left_alone(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "here.part"
    other.write_bytes(b"half of a film")
    (home / "file").write_bytes(b"x" * 3000)
    async with shell_in(["/bin/sh"], home) as shell:
        await shell.download("~/file", tmp_path / "here")
    assert other.read_bytes() == b"half of a film"
    assert {"here", "here.part"} <= set(names(tmp_path))
    assert not (tmp_path / ".here.sosagent-part").exists()


async def test_a_length_that_is_no_number_is_no_traceback(home: Path, tmp_path: Path) -> None:
    (home / "file").write_bytes(b"x")
    (tmp_path / "bin").mkdir()
    liar = tmp_path / "bin" / "ls"
    liar.write_text("#!/bin/sh\necho '-rw------- 1 0 0 \u00b2 x'\n")
    liar.chmod(0o755)
    async with shell_in(["/bin/sh"], home, f"{liar.parent}:{os.environ['PATH']}") as shell:
        with pytest.raises(sosagent.SosError):
            await shell.download("~/file", None)


async def test_ctrl_c_says_that_the_next_run_goes_on(lab: Lab, arguments: list[str], tmp_path: Path) -> None:
    file = tmp_path / "source"
    file.write_bytes(random.Random(5).randbytes(8 << 20))
    part = lab.machine.home / ".file.sosagent-part/part"
    job = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sosagent", "upload", *arguments, str(file), "~/file",
        env={**os.environ, "SOS_PASSWORD": lab.password.reveal()}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    while not part.exists() or not part.stat().st_size:
        await asyncio.sleep(0.02)
    job.send_signal(2)
    _, err = await job.communicate()
    assert job.returncode == 130
    assert b"run the command again to resume" in err
    assert 0 < part.stat().st_size < 8 << 20
