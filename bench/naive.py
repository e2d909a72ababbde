"""A typical quick script: pexpect over `ssh -tt`, echo into the file, log out.

    python -m bench.naive PASSWORD KEY-LINE SSH-ARGUMENT...

It verifies nothing. Prints the bytes it sent and received.
"""

from __future__ import annotations

import sys

import pexpect


class _Counter:
    """Counts the bytes of the log that pexpect writes here."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, data: bytes) -> int:
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        pass


def main() -> None:
    password, line, *arguments = sys.argv[1:]
    child = pexpect.spawn("ssh", ["-tt", *arguments], timeout=60)
    sent, received = _Counter(), _Counter()
    child.logfile_send, child.logfile_read = sent, received
    child.send("\r")
    child.expect(b"login: ")
    child.send("root\r")
    child.expect(b"Password: ")
    child.send(f"{password}\r")
    child.expect(rb"[#$] ")
    child.send(f"echo '{line}' >> .ssh/authorized_keys\r")
    child.expect(rb"[#$] ")
    child.send("exit\r")
    child.expect(b"login: ")
    child.close(force=True)
    print(sent.size, received.size)


if __name__ == "__main__":
    main()
