"""`sosagent key show FILE...`: show the keys of files and their authorized_keys lines, without a machine."""

from __future__ import annotations

import json as jsonlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import SosError
from ..printable import printable
from .endpoint_options import JsonOption, VerboseOption
from .exits import Reported, expected_errors_only
from .help.app import App
from .key_options import KeyOptions
from .options import with_options
from .show import show_error

if TYPE_CHECKING:
    from ..keys.read import SourcedKey

__all__ = ["key_app"]

key_app = App("key", "Examine key files without a machine.")


@key_app.callback()
def _key() -> None:
    pass


@key_app.command("show")
@with_options(KeyOptions)
def show(keys: KeyOptions, json: JsonOption = False, verbose: VerboseOption = False) -> None:
    """Show the keys in KEYFILE: type, bits, fingerprints, and the line for authorized_keys.

    Accepts the same KEYFILE as sos-addkey, and connects to no machine.
    """
    try:
        with expected_errors_only(verbose):
            sourced = keys.find()
    except SosError as error:
        show_error(error)
        raise Reported(error.exit_code) from None
    sourced = [replace(one, notes=(*one.key.warnings, *one.notes)) for one in sourced]
    if json:
        print(jsonlib.dumps([_fields(one) for one in sourced], indent=2))
        return
    for one in sourced:
        bits = f"{one.key.bits} bits" if one.key.bits else "bits unknown"
        print(f"{printable(one.where)}: {one.key.type}, {bits}")
        print(f"  {one.key.fingerprint}")
        print(f"  {one.key.md5}")
        for note in one.notes:
            print(f"  warning: {printable(note)}")
        print(f"  {printable(one.key.line, 40000)}")


def _fields(one: SourcedKey) -> dict[str, Any]:
    return {
        "type": one.key.type,
        "bits": one.key.bits,
        "fingerprint": one.key.fingerprint,
        "comment": one.key.comment,
        "line": one.key.line,
        "warnings": list(one.notes),
    }
