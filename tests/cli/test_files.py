"""`sosagent upload` and `sosagent download` as processes, with the lab's machine."""

from __future__ import annotations

import asyncio
import json
import os
import random
import stat
from pathlib import Path

from sosagent.lab import Lab

from ..support.forks import forked
from ..support.transfers import RANDOM


async def run_cli(lab: Lab, arguments: list[str], *words: str) -> tuple[int, bytes, str]:
    job = await asyncio.create_subprocess_exec(
        *forked(), words[0], *arguments, *words[1:],
        env={**os.environ, "SOS_PASSWORD": lab.password.reveal()},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await job.communicate()
    return job.returncode or 0, out, err.decode()


async def test_upload_and_download(lab: Lab, arguments: list[str], tmp_path: Path) -> None:
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


async def test_wrong_arguments_are_rejected(lab: Lab, arguments: list[str], tmp_path: Path) -> None:
    file = tmp_path / "source"
    file.write_bytes(b"x")
    for words, message in (
        (("upload", str(file), "~/file", "--mode", "rwx"), "octal"),
        (("upload", str(tmp_path), "~/file"), "cannot read"),
        (("upload", str(file), "file"), "Start the path with /"),
        (("download", "~/file", "-", "--json"), "standard output"),
        (("download", "~/file", "--user", "bob"), "authorized_keys"),
        (("hostkeys", "--user", "bob"), "authorized_keys"),
    ):
        code, out, err = await run_cli(lab, arguments, *words)
        assert code == 2, err
        assert message in err + out.decode()


async def test_full_standard_output_is_reported(lab: Lab, arguments: list[str]) -> None:
    (lab.machine.home / "file").write_bytes(b"x" * 5000)
    job = await asyncio.create_subprocess_exec(
        "/bin/sh", "-c", 'exec "$@" >/dev/full', "sh",
        *forked(), "download", *arguments, "~/file", "-",
        env={**os.environ, "SOS_PASSWORD": lab.password.reveal()}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await job.communicate()
    assert job.returncode == 2
    assert b"cannot write to standard output: No space left" in err
    assert b"Traceback" not in err


async def test_invalid_local_target_is_rejected_before_connecting(
    lab: Lab, arguments: list[str], tmp_path: Path
) -> None:
    for target, message in ((tmp_path / "no" / "file", "its folder does not exist"), (tmp_path, "is a folder")):
        code, _, err = await run_cli(lab, arguments, "download", "~/file", str(target))
        assert (code, message in err, "connected" in err) == (2, True, False), err


async def test_ctrl_c_reports_how_to_resume(lab: Lab, arguments: list[str], tmp_path: Path) -> None:
    file = tmp_path / "source"
    file.write_bytes(random.Random(5).randbytes(8 << 20))
    part = lab.machine.home / ".file.sosagent-part/part"
    job = await asyncio.create_subprocess_exec(
        *forked(), "upload", *arguments, str(file), "~/file",
        env={**os.environ, "SOS_PASSWORD": lab.password.reveal()}, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    while not part.exists() or not part.stat().st_size:
        assert job.returncode is None
        await asyncio.sleep(0.05)
    job.send_signal(2)
    _, err = await job.communicate()
    assert job.returncode == 130
    assert b"run the command again to resume" in err
    assert 0 < part.stat().st_size < 8 << 20
