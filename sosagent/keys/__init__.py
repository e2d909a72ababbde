"""Public keys: what they are, the files that people hand in, the options in front of them. No I/O."""

from __future__ import annotations

from .key import KEY_TYPES, PublicKey, parse_blob
from .options import OptionInvalid, check_option, split_options
from .read import MOST_BYTES, parse_public_keys

__all__ = [
    "KEY_TYPES",
    "MOST_BYTES",
    "OptionInvalid",
    "PublicKey",
    "check_option",
    "parse_blob",
    "parse_public_keys",
    "split_options",
]
