"""shell/tools.py: the commands that turn bytes into text and back, and machines that lack some of them."""

from __future__ import annotations

import base64
import shutil
import zlib
from pathlib import Path

import pytest

from sosagent.shell.tools import Tools

from ..support.transfers import CONTENTS, RANDOM, shell_in


async def test_transfers_without_base64_and_gzip(sh: list[str], home: Path, few_programs: str) -> None:
    async with shell_in([shutil.which(sh[0]) or sh[0], *sh[1:]], home, few_programs) as shell:
        for name in ("every byte", "special in printf and the shell", "no newline at the end", "text"):
            data = CONTENTS[name][:30_000]
            done = await shell.upload(data, "~/file")
            assert (await shell.download("~/file", None)).data == data, name
            assert (home / "file").read_bytes() == data, name
            # BusyBox's own shell has all of these tools, whatever the PATH.
            assert done.sha256 is None or sh[0] == "busybox"
        assert await shell.find_tools() == Tools(None, None, False) or sh[0] == "busybox"


@pytest.mark.parametrize("program", ["openssl", "python3", "perl", "busybox"])
async def test_each_program_that_decodes_base64(program: str, home: Path, few_programs: str) -> None:
    found = shutil.which(program, path="/usr/bin:/bin")  # without the PATH of a version manager
    if found is None:
        pytest.skip(f"{program} is not installed")
    wrapper = Path(few_programs) / program
    wrapper.write_text(f'#!/bin/sh\nexec {found} "$@"\n')
    wrapper.chmod(0o755)
    data = RANDOM[:10_000]
    async with shell_in(["/bin/sh"], home, few_programs) as shell:
        await shell.upload(data, "~/file")
        assert (await shell.download("~/file", None)).data == data
        tools = await shell.find_tools()
        assert tools.decoder is not None
        assert tools.decoder.startswith(program)


def test_no_more_is_decompressed_than_was_requested() -> None:
    tools = Tools("base64 -d", "base64", True)
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush()
    assert tools.decode(b"z" + base64.b64encode(bomb), 1000) is None
    assert tools.decode(b"z" + base64.b64encode(bomb[:-8]), 50_000_000) == bytes(50_000_000)
    assert tools.decode(b"rQUJD", 3) == b"ABC"
    for bad in (b"", b"rQUJ", b"xQUJD", b"zQUJD", b"r\xff"):
        assert tools.decode(bad, 3) is None
