"""The checksums of requests and replies, for machines with and without `cksum`. No I/O.

The receiver reports which one it uses. `sum` is left out: its 16 bits let one damaged line in 65536 pass, and the
shell's own arithmetic computes a better one.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable

from .frame import cksum

__all__ = ["ALPHABET", "CHECKSUMS", "Checksum", "known_answers"]

#: Returns the checksum of the data and its length, separated by a space.
Checksum = Callable[[bytes], str]

#: The characters that the shell can tell apart without a tool (remote/crc.sh): printable ASCII. The backslash is found
#: by elimination, because no text for the collector may contain one.
ALPHABET = "".join(map(chr, range(32, 127))).replace("\\", "")
_READ_BY_SHELL = bytes(byte if byte == 10 or 32 <= byte < 127 else 255 for byte in range(256))


def _crc32(data: bytes) -> str:
    return f"{zlib.crc32(data):08x} {len(data)}"


def _sha256(data: bytes) -> str:
    return f"{hashlib.sha256(data).hexdigest()} {len(data)}"


def _md5(data: bytes) -> str:
    return f"{hashlib.md5(data, usedforsecurity=False).hexdigest()} {len(data)}"


def _by_shell(data: bytes) -> str:
    return cksum(data.translate(_READ_BY_SHELL))


#: By the name of the program on the machine, in the order in which the machine tries them.
_PROGRAMS: dict[str, Checksum] = {"cksum": cksum, "crc32": _crc32, "sha256sum": _sha256, "md5sum": _md5}
#: By what the receiver reports; an empty name is that of the plain receiver, or of `cksum` as a function of the shell.
CHECKSUMS: dict[str, Checksum] = {**_PROGRAMS, "": cksum, "sh": _by_shell}


def known_answers(text: str) -> str:
    """Return patterns of `case` for what these programs print for `text`."""
    return "|".join(f"{checksum(text.encode('ascii')).split()[0]}*" for checksum in _PROGRAMS.values())
