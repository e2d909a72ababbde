"""The start line: the one line that is typed at a shell's prompt, its echo compared before Enter.

It replaces the login shell (or runs as its child) by a plain ``/bin/sh`` with an empty environment
on a raw tty, which collects lines. At an empty one it evaluates them if their checksum is the one
named in the line, and forgets them if not: that text is the receiver.

Why it is as it is: ``HISTFILE=`` keeps it out of bash's history, which is written at ``exec``. No
``!`` (csh), no newline, no single quote inside. One flipped bit makes an Enter of ``-``, ``M``, ``J``
and ``*``, and ^O, at which bash and zsh run the line, of ``/`` and ``O``: all of them stand within
quotes, where such an Enter only goes on to the next row; else it would have replaced the login shell
by something that ends. Echo is turned off within the new shell only, since fish puts the modes back
before it starts a command. Signals, flow control and line editing are off: one flipped bit makes
``C`` a ^C, ``S`` a ^S, ``D`` the end of file. With ``min 0 time 255`` a read ends after 25.5 s of
silence, so a line that dies now leaves no shell behind (termios(3)).
"""

from __future__ import annotations

from dataclasses import dataclass

from .frame import cksum

__all__ = ["MODES_FOUND", "MODES_SANE", "PLAIN_SHELL", "Start", "start_line"]

#: What puts the tty back: for the receiver, as for the start line.
MODES_FOUND = "$t"
MODES_SANE = "sane"

#: Shells that know no POSIX syntax, or show a long line so that it cannot be compared (tcsh, fish, mksh on a narrow
#: terminal), are left for a plain one first. Every shell takes this.
PLAIN_SHELL = 'env HISTFILE= "/bin/sh"'

_MOST_CHARACTERS = 255  # MAX_CANON of POSIX
_MOST_ON_LINUX = 300


@dataclass(frozen=True)
class Start:
    """A start line and what it answers.

    Fields:
        line: what is typed, without Enter.
        ready: what the new shell prints when it collects; the line's echo does not contain it.
        receiver: the program whose checksum the line names.
    """

    line: str
    ready: str
    receiver: str


def start_line(receiver: str, nonce: str, *, replace: bool, modes: str, root: str = "", plain: bool = False) -> Start:
    """Make the start line for `receiver`. An empty line makes it check what it has collected.

    Args:
        receiver: the program to collect, one line of ASCII.
        nonce: some letters and digits that this run has not printed before.
        replace: exec over a login shell of ours, so that leaving is logging out; else run as a
            child, and the shell beneath stays.
        modes: what stty needs to put the tty back: `MODES_SANE`, or `MODES_FOUND` to save them first.
        root: start it in a chroot there (from an initramfs, whose own shell may have no cksum).
        plain: the login shell is `PLAIN_SHELL`, which writes no history.
    """
    if not receiver.isascii() or not receiver.isprintable():
        raise ValueError("the receiver holds what cannot be typed")
    shell = 'env "-i" "HOME=$HOME" "/bin/sh" "-c"'
    if root:
        shell = f'chroot "{root}" {shell}'
    begin = (" exec " if plain else "HISTFILE= exec ") if replace else " "
    save = "t=`stty -g`;" if modes == MODES_FOUND else ""
    line = (
        f"{begin}{shell} '{save}stty -echo -isig -ixon -iexten -icanon icrnl min 0 time 255;"
        f'echo S\\O{nonce};while read -r l;do x=$x${{l#?}};[ "$l" ]||{{ '
        f'[ "`printf %s "$x"|cksum`" = "{cksum(receiver.encode("ascii"))}" ]&&eval "$x";x=;}};done;stty {modes}\''
    )
    if len(line) > (_MOST_ON_LINUX if root else _MOST_CHARACTERS):
        raise ValueError(f"the start line has {len(line)} characters")
    return Start(line, f"SO{nonce}", receiver)
