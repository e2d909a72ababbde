"""login/history.py: recognise a line that an interrupted run left half typed at a shell's prompt."""

from __future__ import annotations

import fnmatch
from pathlib import Path

import pytest

from sosagent.login.history import _OURS, is_our_line
from sosagent.login.redraw import redraw
from sosagent.shell.start_line import (
    MODES_SANE,
    MODES_SAVED,
    lines_to_plain_shell,
    start_line,
    start_line_of_plain_shell,
)

from ..support.ptys import on_pty

#: Every line that starts a shell of ours. From an initramfs, a root and a command that follows are part of it.
LINES = sorted(
    {
        start_line("7f", replace=replace, modes=modes, root=root, then=then).line
        for modes in (MODES_SANE, MODES_SAVED)
        for replace, root, then in (
            (True, "", ""), (False, "", ""), (False, "/root", ""), (False, "", "fg"), (False, "/sysroot", "exit")
        )
    }
    | {start_line_of_plain_shell("7f", modes=modes).line for modes in (MODES_SANE, MODES_SAVED)}
    | {
        line
        for replace, root, then in ((True, "", ""), (False, "", ""), (False, "/root", ""), (False, "", "fg"))
        for line in lines_to_plain_shell(replace=replace, root=root, then=then)
    }
)  # fmt: skip
PROMPTS = ("root@vm:~# ", "", "$ ", "[root@vm ~]# ", "# cd /srv; ")
#: The most characters that a line has before it can be distinguished from a user's: those of `PATH=` are the most.
_NEEDED = 39

USERS_LINES = [
    "", " ", "env", "type env", "type env && env", "type env&&echo x", "HISTFILE= exec bash", "exec bash -l",
    'HISTFILE= "exec" bash', "exec env -i HOME=$HOME /bin/sh", 'env -i "HOME=$HOME" /bin/sh -c "stty -a"',
    "/bin/sh -c 'while read l;do echo $l;done'", "'/bin/sh' '-c' 'echo'", "chroot /root", 'chroot "/root" /bin/sh',
    "PATH=/sbin:/bin:/usr/bin:$PATH", "PATH=/sbin:/bin:/usr/bin:$PATH;", "PATH=/sbin:/bin:/usr/bin:$PATH;ls",
    "stty -echo raw", "t=`stty -g`;stty raw", "cksum /etc/passwd", "rm -rf /tmp/type env&&ls",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_recognised_wherever_it_was_cut(line: str) -> None:
    for prompt in PROMPTS:
        for length in range(_NEEDED, len(line) + 1):
            assert is_our_line(prompt + line[:length]), length
            assert is_our_line(f"{prompt}{line[:length]} "), length


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_users_line_is_not_ours(prompt: str) -> None:
    for line in USERS_LINES:
        for length in range(len(line) + 1):
            assert not is_our_line(prompt + line[:length]), line[:length]
            assert not is_our_line(f"{prompt} {line[:length]}"), line[:length]


@pytest.mark.parametrize("line", LINES)
def test_the_lines_are_removed_from_the_history(line: str) -> None:
    patterns = [pattern.replace("'", "") for pattern in _OURS.split("|")]
    assert any(fnmatch.fnmatchcase(line, pattern) for pattern in patterns)


@pytest.mark.parametrize("shell", [["bash", "--norc", "-i"], ["zsh", "-f", "-i"]], ids=lambda shell: shell[0])
async def test_real_line_editors_show_a_line_that_is_recognised(shell: list[str], tmp_path: Path) -> None:
    """It may be wrapped, and ^L draws it again."""
    async with on_pty(shell, tmp_path, PS1="root@vm:~# ") as (console, _):
        await console.expect("# $")
        for number, line in enumerate({line.split()[0]: line for line in LINES}.values()):
            cut = line[: (_NEEDED, 69, 70, 160)[number % 4]]
            await console.type_line(cut)
            await redraw(console)
            assert is_our_line(console.open_line), console.open_line
            console.skip()
            await console.send("\x03")
            await console.expect("# $")
