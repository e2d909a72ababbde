"""Text that sosagent itself causes on a console, by which a later run recognises what an interrupted one left there.

The receiver's answers are described in shell/remote/receiver.sh. The shell's protocol reads them with these patterns,
too, so that both recognise the same lines.
"""

from __future__ import annotations

__all__ = ["RECEIVER_REPLY", "RECEIVER_TOOLS", "RECEIVER_TRAILER", "RECEIVER_UP"]

#: What the receiver names as the program that computes its checksums; see `CHECKSUMS` in shell/checksums.py.
RECEIVER_TOOLS = ("", "cksum", "crc32", "sha256sum", "md5sum", "sh")
#: The receiver is running; the group is one of `RECEIVER_TOOLS`.
RECEIVER_UP = rf"=R({'|'.join(RECEIVER_TOOLS)})"
#: The end of a reply. The groups are its number, its status, and its checksum with its length, in decimal (cksum) or in
#: hexadecimal.
RECEIVER_TRAILER = r"=([0-9]{1,9}) ([0-9]{0,3}) ([0-9a-f]{1,64}) ([0-9]{1,10})"
#: A line of the receiver.
RECEIVER_REPLY = rf"^(?:{RECEIVER_UP}|{RECEIVER_TRAILER})$"
