"""The key in an OpenSSH certificate (PROTOCOL.certkeys)."""

from __future__ import annotations

import base64
import struct
from itertools import islice

from .key import KEY_TYPES, PublicKey, blob_fields, check_blob

__all__ = ["certified_key"]

#: The type of a certificate -> the type of its key.
_TYPES = {f"{name.removesuffix('@openssh.com')}-cert-v01@openssh.com": name for name in KEY_TYPES}


def certified_key(certificate_type: str, text: str) -> PublicKey | None:
    """Return the key that a certificate is for.

    Args:
        certificate_type: such as ``ssh-ed25519-cert-v01@openssh.com``.
        text: the certificate in base64.

    Returns:
        The key, without comment and options; None if this is no certificate. The signature is not checked.
    """
    key_type = _TYPES.get(certificate_type)
    if key_type is None:
        return None
    try:
        fields = list(islice(blob_fields(base64.b64decode(text, validate=True)), 1 + KEY_TYPES[key_type]))
        if fields[0] != certificate_type.encode():
            return None
        _, _, *values = fields  # the type and a nonce come first
        blob = b"".join(struct.pack(">I", len(one)) + one for one in (key_type.encode(), *values))
        check_blob(key_type, blob)
    except (ValueError, IndexError):
        return None
    return PublicKey(key_type, blob)
