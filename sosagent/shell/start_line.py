"""The start line: the only line typed at a shell's prompt. Its echo is compared before Enter. No I/O.

It replaces the login shell (or runs as its child) with a plain ``/bin/sh`` that has an empty
environment and a raw tty, and collects lines. At an empty line that shell evaluates the collected
text, which is the receiver, if its checksum is the one in the start line; otherwise it discards it.

Reasons for its form:

- ``HISTFILE=`` keeps it out of bash's history, which is written at ``exec``.
- It has no ``!`` (csh), no newline, and no single quote inside the quoted program.
- One flipped bit turns ``-``, ``M``, ``J`` and ``*`` into Enter, and ``/`` and ``O`` into ^O, at which
  bash and zsh run the line. All of these stand within quotes, where such an Enter only continues the
  line; elsewhere it would replace the login shell with a command that ends.
- Its first word is quoted, because an alias does not replace a quoted word.
- The line ``]Z`` ends the collection, as it ends the receiver, so that the shell can be left before a receiver runs.
- Echo is turned off within the new shell, because fish restores the tty modes before it starts a command.
- Signals, flow control and line editing are off (raw), because one flipped bit turns ``C`` into ^C, ``S`` into
  ^S and ``D`` into end of file.
- With ``min 0 time 255`` a read ends after 25.5 s of silence (termios(3)), so a line that dies at this
  point leaves no shell open.
"""

from __future__ import annotations

from dataclasses import dataclass

from .frame import cksum

__all__ = ["END_LINE", "MODES_SANE", "MODES_SAVED", "PLAIN_SHELL", "StartLine", "start_line"]

#: Arguments of stty that restore the tty modes, in the start line and in the receiver.
MODES_SAVED = "$t"
MODES_SANE = "sane"

#: The line that ends the shell while it collects; the receiver ends at the same line.
END_LINE = "]Z"

#: Some shells lack POSIX syntax, or draw a long line so that its echo cannot be compared (tcsh, fish, mksh on a
#: narrow terminal). This line replaces them with a plain shell first; every shell accepts it.
PLAIN_SHELL = 'env HISTFILE= "/bin/sh"'

_MAX_CHARACTERS = 255  # MAX_CANON of POSIX
_MAX_ON_LINUX = 300


@dataclass(frozen=True)
class StartLine:
    """A start line and the answer to it.

    Fields:
        line: the text to type, without Enter.
        ready: printed by the new shell when it collects; the echo of the line does not contain it.
        receiver: the program whose checksum the line contains.
    """

    line: str
    ready: str
    receiver: str


def start_line(
    receiver: str, nonce: str, *, replace: bool, modes: str, root: str = "", plain: bool = False, then: str = ""
) -> StartLine:
    """Return the start line for `receiver`.

    Args:
        receiver: the program to collect, one line of ASCII.
        nonce: a few letters and digits that this run has not printed before.
        replace: exec over a login shell of ours, so that ending the shell logs out; otherwise run as a
            child, and keep the shell beneath.
        modes: `MODES_SANE`, or `MODES_SAVED` to save the modes of the tty first.
        root: run in a chroot at this path (from an initramfs, whose own shell may have no cksum).
        plain: the login shell is `PLAIN_SHELL`, which writes no history.
        then: a command for the shell beneath when ours has ended, however it ends.
    """
    if not receiver.isascii() or not receiver.isprintable():
        raise ValueError("the receiver contains characters that cannot be typed")
    shell = ("env" if replace else '"env"') + ' "-i" "HOME=$HOME" "/bin/sh" "-c"'
    if root:
        shell = f'chroot "{root}" {shell}'
    prefix = " "
    if replace:
        # The space keeps it out of fish's history. With saved modes (over the shell of sudo or su) there is no room.
        short = modes == MODES_SAVED and not plain
        prefix = "HISTFILE= exec " if short else ' "exec" ' if plain else ' HISTFILE= "exec" '
    save = "t=`stty -g`;" if modes == MODES_SAVED else ""
    line = (
        f"{prefix}{shell} '{save}stty -echo raw icrnl opost min 0 time 255;echo S\\O{nonce};"
        f"while read -r l;do case $l in {END_LINE})break;;?*)x=$x${{l#?}};;"
        f'*)[ "`printf %s "$x"|cksum`" = "{cksum(receiver.encode("ascii"))}" ]&&eval "$x";x=;esac;done;stty {modes}\''
    ) + (f";{then}" if then else "")
    if len(line) > (_MAX_ON_LINUX if root or then else _MAX_CHARACTERS):
        raise ValueError(f"the start line has {len(line)} characters")
    return StartLine(line, f"SO{nonce}", receiver)
