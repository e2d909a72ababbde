"""Public keys: their formats, the files that users have, the options of their lines. No I/O."""

from __future__ import annotations

from .key import KEY_TYPES, PublicKey, parse_blob
from .options import OptionInvalid, check_option, split_options
from .read import MAX_BYTES, parse_public_keys

__all__ = [
    "KEY_TYPES",
    "MAX_BYTES",
    "OptionInvalid",
    "PublicKey",
    "check_option",
    "parse_blob",
    "parse_public_keys",
    "split_options",
]
