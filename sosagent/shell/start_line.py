"""The start line: the only line typed at a shell's prompt. Its echo is compared before Enter. No I/O.

It replaces the login shell (or runs as its child) with a plain ``/bin/sh`` that has an empty
environment and a raw tty, and collects lines: the portions of the receiver. At a line with their
checksum that shell evaluates them. At ``]`` it prints what it has collected, and at ``]G`` it evaluates
that: so the client can compare the text itself where the machine has no cksum. At any other line it
discards the text.

Reasons for its form:

- ``type env`` keeps the shell where there is no env: some shells end if exec fails.
- ``HISTFILE=`` keeps it out of bash's history, which is written at ``exec``.
- It has no ``!`` (csh), no newline, and no single quote inside the quoted program.
- One flipped bit turns ``-``, ``M``, ``J`` and ``*`` into Enter, and ``/`` and ``O`` into ^O, at which
  bash and zsh run the line. All of these stand within quotes, where such an Enter only continues the
  line; elsewhere it would replace the login shell with a command that ends.
- ``exec`` is quoted where there is room, because an alias does not replace a quoted word.
- The patterns of ``case`` are expanded in sequence, so cksum runs only if no other pattern matches the line.
- ``read`` and ``echo`` may interpret backslashes, so the receiver contains none.
- The line ``]Z`` ends the collection, as it ends the receiver, so that the shell can be left before a receiver runs.
- Echo is turned off within the new shell, because fish restores the tty modes before it starts a command.
- Signals, flow control and line editing are off (raw), because one flipped bit turns ``C`` into ^C, ``S`` into
  ^S and ``D`` into end of file.
- With ``min 0 time 255`` a read ends after 25.5 s of silence (termios(3)), so a line that dies at this
  point leaves no shell open. Without stty, this does not hold; the receiver is then sent at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..terminal.own_text import (
    EXEC,
    EXEC_UNQUOTED,
    OUR_SHELL,
    OWN_PATH,
    PLAIN_SHELL,
    PLAIN_SHELL_EXEC,
    PLAIN_SHELL_ON_TOP,
    RAW_MODES,
    SAVE_MODES,
)

__all__ = [
    "END_LINE",
    "MODES_SANE",
    "MODES_SAVED",
    "StartLine",
    "lines_to_plain_shell",
    "start_line",
    "start_line_of_plain_shell",
]

#: Arguments of stty that restore the tty modes, in the start line and in the receiver.
MODES_SAVED = "$t"
MODES_SANE = "sane"

#: The line that ends the shell while it collects; the receiver ends at the same line.
END_LINE = "]Z"

_COLLECT = (
    "while read l;do case $l in \\)*)x=$x${l#?};;" + END_LINE + ')break;;])echo "$x";;'
    ']G|"]`echo "$x"|cksum`")eval "$x";;*)x=;esac;done'
)
_MAX_CHARACTERS = 255  # MAX_CANON of POSIX
_MAX_ON_LINUX = 300


@dataclass(frozen=True)
class StartLine:
    """A start line and the answer to it.

    Fields:
        line: the text to type, without Enter.
        ready: printed by the new shell when it collects; the echo of the line does not contain it.
    """

    line: str
    ready: str


def start_line(nonce: str, *, replace: bool, modes: str, root: str = "", then: str = "") -> StartLine:
    """Return the start line for a shell that someone uses.

    Args:
        nonce: a few letters and digits that this run has not printed before.
        replace: exec over a login shell of ours, so that ending the shell logs out; otherwise run as a
            child, and keep the shell beneath.
        modes: `MODES_SANE`, or `MODES_SAVED` to save the modes of the tty first.
        root: run in a chroot at this path (from an initramfs, whose own shell may have no cksum).
        then: a command for the shell beneath when ours has ended, however it ends.
    """
    shell = ("env" if replace else '"env"') + OUR_SHELL
    if root:
        shell = f'chroot "{root}" {shell}'
    prefix = " "
    if replace:
        # With saved modes (over the shell of sudo or su) there is no room for the quotes. The space keeps the line out
        # of fish's history.
        prefix = EXEC_UNQUOTED if modes == MODES_SAVED else EXEC
    return _checked(f"{prefix}{shell}'{_collector(nonce, modes)}'", nonce, then, longer=bool(root or then))


def start_line_of_plain_shell(nonce: str, *, modes: str) -> StartLine:
    """Return the start line for the plain shell, which itself becomes the new shell. Its environment is the user's."""
    return _checked(f"{OWN_PATH}{_collector(nonce, modes)};exit", nonce)


def lines_to_plain_shell(*, replace: bool, root: str = "", then: str = "") -> list[str]:
    """Return lines that start the plain shell; the next is for a shell that does not accept the one before.

    Some shells lack POSIX syntax, or draw a long line so that its echo cannot be compared (tcsh, fish, mksh on a
    narrow terminal), or have no env. Every shell accepts one of these lines, which starts a shell that reads lines
    without an editor. The quotes are those of rc, too. The lines are short, since mksh scrolls a line that is wider
    than the terminal.

    Args:
        replace, root, then: see `start_line`.
    """
    shell = f"chroot {root} {PLAIN_SHELL}" if root else PLAIN_SHELL
    shell += f";{then}" if then else ""
    if not replace:
        return [f" {shell}"]
    # An alias or a function may have the name exec. Where exec is no command, the plain shell ends the one that
    # started it at its end.
    return [f"{PLAIN_SHELL_EXEC}{shell}", f" exec {shell}", f" {PLAIN_SHELL_ON_TOP}"]


def _collector(nonce: str, modes: str) -> str:
    save = SAVE_MODES if modes == MODES_SAVED else ""
    return f"{save}{RAW_MODES};echo S\\O{nonce};{_COLLECT};stty {modes}"


def _checked(line: str, nonce: str, then: str = "", *, longer: bool = False) -> StartLine:
    line += f";{then}" if then else ""
    if len(line) > (_MAX_ON_LINUX if longer else _MAX_CHARACTERS):
        raise ValueError(f"the start line has {len(line)} characters")
    return StartLine(line, f"SO{nonce}")
