"""The checksums of requests and replies, for machines with and without `cksum`. No I/O.

The receiver reports which one it uses. `sum` is left out: its 16 bits let one damaged line in 65536 pass, and the
shell's own arithmetic computes a better one.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable

from .frame import EMPTY_CKSUM, cksum, cksum_appended
from .programs import variables

__all__ = ["ALPHABET", "CHECKSUMS", "Checksum", "FileChecksum", "file_command", "known_answers", "read_by_shell"]

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


def read_by_shell(data: bytes) -> bytes:
    """Return what the function cksum of `remote/crc.sh` counts for `data` on a machine without od and hexdump."""
    return data.translate(_READ_BY_SHELL)


def _by_shell(data: bytes) -> str:
    return cksum(read_by_shell(data))


#: By the name of the program on the machine, in the order in which the machine tries them.
_PROGRAMS: dict[str, Checksum] = {"cksum": cksum, "crc32": _crc32, "sha256sum": _sha256, "md5sum": _md5}
#: By what the receiver reports; an empty name is that of the plain receiver, or of `cksum` as a function of the shell.
CHECKSUMS: dict[str, Checksum] = {**_PROGRAMS, "": cksum, "sh": _by_shell}


def known_answers(text: str) -> str:
    """Return patterns of `case` for what these programs print for `text`."""
    return "|".join(f"{checksum(text.encode('ascii')).split()[0]}*" for checksum in _PROGRAMS.values())


def file_command(tool: str) -> str:
    """Return the command of the machine that prints the checksum of its input, where the receiver reported `tool`."""
    return variables("hash")[1:] if tool in _HASHES else "cksum"


_HASHES = {"crc32": None, "sha256sum": "sha256", "md5sum": "md5"}


class FileChecksum:
    """The checksum of a long file, as `file_command` prints it.

    Args:
        tool: what the receiver reported.
    """

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._cksum = EMPTY_CKSUM
        self._crc32 = 0
        name = _HASHES.get(tool)
        self._hash = None if name is None else hashlib.new(name, usedforsecurity=False)

    def update(self, data: bytes) -> None:
        """Process the next bytes."""
        if self._hash is not None:
            self._hash.update(data)
        elif self._tool == "crc32":
            self._crc32 = zlib.crc32(data, self._crc32)
        else:
            self._cksum = cksum_appended(self._cksum, read_by_shell(data) if self._tool == "sh" else data)

    @property
    def shown(self) -> str:
        """The output of the command for the bytes so far."""
        if self._hash is not None:
            return self._hash.hexdigest()
        return f"{self._crc32:08x}" if self._tool == "crc32" else self._cksum
