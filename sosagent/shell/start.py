"""The start line: the one line that is typed at a shell's prompt, its echo compared before Enter.

It replaces the login shell (or runs as its child) by a plain ``/bin/sh`` with an empty environment
on a raw tty, which collects lines until their checksum is the one named in the line, and only then
evaluates them: that text is the receiver.

Why it is as it is: ``HISTFILE=`` keeps it out of bash's history, which is written at ``exec``. No
``!`` (csh), no newline, no single quote inside. Echo is turned off within the new shell only, since
fish puts the modes back before it starts a command. Signals, flow control and line editing are off:
one flipped bit makes ``C`` a ^C, ``S`` a ^S, ``D`` the end of file. With ``min 0 time 255`` a read
ends after 25.5 s of silence, so a line that dies now leaves no shell behind (termios(3)).
"""

from __future__ import annotations

from dataclasses import dataclass

from .frame import cksum

__all__ = ["Start", "start_line"]

_MOST_CHARACTERS = 250


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


def start_line(receiver: str, nonce: str, *, replace: bool) -> Start:
    """Make the start line for `receiver`.

    Args:
        receiver: the program to collect, one line of ASCII without a backslash.
        nonce: some letters and digits that this run has not printed before.
        replace: exec over a login shell of ours, so that leaving is logging out; else run as a
            child, and the shell beneath stays.
    """
    if "\\" in receiver or not receiver.isascii():
        raise ValueError("the receiver holds what echo may change")
    checksum = cksum(receiver.encode("ascii") + b"\n")
    line = (
        f' {"HISTFILE= exec " if replace else ""}env -i HOME="$HOME" /bin/sh -c \'t=`stty -g`;'
        f"stty -echo -isig -ixon -iexten -icanon icrnl min 0 time 255;echo S\\OS{nonce};"
        'while read -r l;do x=$x${l#?};[ "$l" ]||x=;'
        f'[ "`echo "$x"|cksum`" = "{checksum}" ]&&eval "$x";done;stty $t\''
    )
    if len(line) > _MOST_CHARACTERS:
        raise ValueError(f"the start line has {len(line)} characters")
    return Start(line, f"SOS{nonce}", receiver)
