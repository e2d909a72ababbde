"""A FIDO security key in software, with its own agent, as ssh and sshd see it.

Sources: PROTOCOL.u2f and PROTOCOL.agent of OpenSSH.
"""

from __future__ import annotations

import base64
import hashlib
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

__all__ = ["security_key"]

_TYPE, _APPLICATION = b"sk-ssh-ed25519@openssh.com", b"ssh:"
_ASK_IDENTITIES, _IDENTITIES, _ASK_SIGNATURE, _SIGNATURE, _FAILURE = 11, 12, 13, 14, 5
_TOUCHED = 1


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


class _Token:
    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.blob = _string(_TYPE) + _string(self.private.public_key().public_bytes_raw()) + _string(_APPLICATION)
        self.counter = 0

    def sign(self, data: bytes) -> bytes:
        self.counter += 1
        counted = bytes([_TOUCHED]) + struct.pack(">I", self.counter)
        told = hashlib.sha256(_APPLICATION).digest() + counted + hashlib.sha256(data).digest()
        return _string(_TYPE) + _string(self.private.sign(told)) + counted

    def answer(self, request: bytes) -> bytes:
        if request[0] == _ASK_IDENTITIES:
            return bytes([_IDENTITIES]) + struct.pack(">I", 1) + _string(self.blob) + _string(b"token")
        if request[0] != _ASK_SIGNATURE:
            return bytes([_FAILURE])
        at = 5 + struct.unpack(">I", request[1:5])[0]
        (length,) = struct.unpack(">I", request[at : at + 4])
        return bytes([_SIGNATURE]) + _string(self.sign(request[at + 4 : at + 4 + length]))


@contextmanager
def security_key(agent: Path) -> Iterator[str]:
    """Yield its line for authorized_keys. Its agent listens on `agent`."""
    token = _Token()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while len(head := self.rfile.read(4)) == 4:
                self.wfile.write(_string(token.answer(self.rfile.read(struct.unpack(">I", head)[0]))))

    with socketserver.ThreadingUnixStreamServer(str(agent), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"{_TYPE.decode()} {base64.b64encode(token.blob).decode()} token\n"
        finally:
            server.shutdown()
            thread.join()
