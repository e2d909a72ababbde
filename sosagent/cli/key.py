"""`sosagent key show FILE...`: what is in a file of keys, and the line that would be written. Offline."""

from __future__ import annotations

import json as jsonlib
from dataclasses import replace
from typing import Any

import typer

from ..errors import SosError
from ..keys.read import KeyFound
from ..printable import printable
from .endpoint_options import JsonOption, VerboseOption
from .key_sources import KeyOptions
from .options import with_options
from .run import Reported, foreseen
from .show import show_error

__all__ = ["key_app"]

key_app = typer.Typer(name="key", help="Look at keys, offline.", no_args_is_help=True)


@key_app.callback()
def _key() -> None:
    pass


@key_app.command("show")
@with_options(KeyOptions)
def show(keys: KeyOptions, json: JsonOption = False, verbose: VerboseOption = False) -> None:
    """Show the keys that KEYFILE holds: type, bits, fingerprints, and the line of authorized_keys.

    Takes what sos-addkey takes, and sends nothing anywhere.
    """
    try:
        with foreseen(verbose):
            found = keys.find()
    except SosError as error:
        show_error(error)
        raise Reported(error.exit_code) from None
    rows = [replace(one, notes=(*one.key.warnings, *one.notes)) for one in found]
    if json:
        print(jsonlib.dumps([_fields(row) for row in rows], indent=2))
        return
    for row in rows:
        bits = f"{row.key.bits} bits" if row.key.bits else "bits unknown"
        print(f"{printable(row.where)}: {row.key.type}, {bits}")
        print(f"  {row.key.fingerprint}")
        print(f"  {row.key.md5}")
        for note in row.notes:
            print(f"  warning: {printable(note)}")
        print(f"  {printable(row.key.line, 40000)}")


def _fields(row: KeyFound) -> dict[str, Any]:
    return {
        "type": row.key.type,
        "bits": row.key.bits,
        "fingerprint": row.key.fingerprint,
        "comment": row.key.comment,
        "line": row.key.line,
        "warnings": list(row.notes),
    }
