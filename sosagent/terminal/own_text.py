"""Text that sosagent itself causes on a console, by which a later run recognises what an interrupted one left there.

The receiver's answers are described in shell/remote/receiver.sh. The shell's protocol reads them with these patterns,
too, so that both recognise the same lines. shell/start_line.py makes its lines of the texts here, and explains their
form.
"""

from __future__ import annotations

__all__ = [
    "EXEC",
    "EXEC_UNQUOTED",
    "OUR_SHELL",
    "OWN_PATH",
    "PLAIN_SHELL",
    "PLAIN_SHELL_EXEC",
    "PLAIN_SHELL_LOOP",
    "PLAIN_SHELL_ON_TOP",
    "PLAIN_SHELL_READY",
    "RAW_MODES",
    "RECEIVER_REPLY",
    "RECEIVER_TOOLS",
    "RECEIVER_TRAILER",
    "RECEIVER_UP",
    "SAVE_MODES",
    "is_start_line",
]

#: What the receiver names as the program that computes its checksums; see `CHECKSUMS` in shell/checksums.py.
RECEIVER_TOOLS = ("", "cksum", "crc32", "sha256sum", "md5sum", "sh")
#: The receiver is running; the group is one of `RECEIVER_TOOLS`.
RECEIVER_UP = rf"=R({'|'.join(RECEIVER_TOOLS)})"
#: The end of a reply. The groups are its number, its status, and its checksum with its length, in decimal (cksum) or in
#: hexadecimal.
RECEIVER_TRAILER = r"=([0-9]{1,9}) ([0-9]{0,3}) ([0-9a-f]{1,64}) ([0-9]{1,10})"
#: A line of the receiver.
RECEIVER_REPLY = rf"^(?:{RECEIVER_UP}|{RECEIVER_TRAILER})$"

#: The start line in a login shell of ours, without and with saved tty modes, up to the command that it runs.
EXEC = ' type env&&HISTFILE= "exec" '
EXEC_UNQUOTED = " type env&&HISTFILE= exec "
#: What follows the name of env in every start line.
OUR_SHELL = ' "-i" "HOME=$HOME" "/bin/sh" "-c" '
#: The start line in the plain shell begins with this, and with the tty modes.
OWN_PATH = " PATH=/sbin:/bin:/usr/bin:$PATH;"
SAVE_MODES = "t=`stty -g`;"
RAW_MODES = "stty -echo raw icrnl opost min 0 time 255"
#: Start the plain shell; see shell/start_line.py.
PLAIN_SHELL_LOOP = "while echo @;read -r l;do eval"
PLAIN_SHELL = f"""'/bin/sh' '-c' '{PLAIN_SHELL_LOOP} "$l";done'"""
#: A line that the plain shell prints when it reads the next one.
PLAIN_SHELL_READY = "@"
PLAIN_SHELL_ON_TOP = PLAIN_SHELL.replace("'while", '\'trap "kill -9 $PPID" 0;while')
PLAIN_SHELL_EXEC = ' HISTFILE= "exec" '

#: How these lines begin, and how many characters are needed to recognise one. A shorter beginning may be a user's.
_STARTS = (
    (EXEC, 12),
    (EXEC_UNQUOTED, 12),
    (f' "env"{OUR_SHELL}', 11),
    (f"{OWN_PATH}{SAVE_MODES}", len(OWN_PATH) + 6),
    (f"{OWN_PATH}{RAW_MODES}", len(OWN_PATH) + 6),
    (f"{PLAIN_SHELL_EXEC}{PLAIN_SHELL}", len(PLAIN_SHELL_EXEC) + 3),
    (f" {PLAIN_SHELL}", 22),
    (f" {PLAIN_SHELL_ON_TOP}", 21),
)


def is_start_line(line: str) -> bool:
    """Return whether `line` contains the beginning of a line that starts a shell of ours, after a prompt."""
    for start, needed in _STARTS:
        at = line.rfind(start[:needed])
        if at >= 0 and start.startswith(line[at : at + len(start)]):
            return True
    return False
