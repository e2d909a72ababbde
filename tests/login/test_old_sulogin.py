"""Real dialogues with sulogins that no distribution ships any more: their texts and behaviour, on a pty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import sosagent
from sosagent.console import Console
from sosagent.session.root_shell import root_shell
from sosagent.transports.descriptor import DescriptorTransport

from ..conftest import installed

PASSWORD = "correct horse 7"
#: BusyBox 1.19: an empty answer, or an end of file, continues the boot.
BUSYBOX = """
stty -echo
while printf 'Give root password for system maintenance\\n(or type Control-D for normal startup):' && read -r answer; do
  [ -n "$answer" ] || break
  [ "$answer" != '{password}' ] || {{ stty echo; echo; {shell}; continue; }}
  sleep 0.2
  echo; echo 'Login incorrect'
done
echo 'Normal startup' | tee {folder}/continued
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="the shell behind a maintenance prompt has to be root's")
async def test_the_boot_does_not_continue(tmp_path: Path) -> None:
    """The password is typed at a prompt that we asked for, and never is an empty answer given."""
    installed(["dash"])
    sulogin, shell = tmp_path / "sulogin", tmp_path / "shell"
    shell.write_text(f"PATH={tmp_path}:$PATH PS1='# ' HOME={tmp_path} exec dash -i\n")
    sulogin.write_text("#!/bin/sh\n" + BUSYBOX.format(password=PASSWORD, shell=f"sh {shell}", folder=tmp_path))
    sulogin.chmod(0o755)
    pid, master = os.forkpty()
    if pid == 0:
        os.execv(sulogin, [str(sulogin)])
    transport = DescriptorTransport("old sulogin", master)
    try:
        async with Console(transport) as console:
            console.set_deadline(60)
            async with root_shell(console, sosagent.Secret(PASSWORD)) as session:
                assert (await session.shell.run("id -u")).output == b"0"
            assert (session.left, session.trouble, session.ours) == (True, "", False)
        assert not (tmp_path / "continued").exists()
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
