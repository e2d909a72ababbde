"""`sosagent key show FILE...`: show the keys of files and their authorized_keys lines, without a machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..printable import printable
from .help.app import App
from .key_options import KeyOptions
from .options import with_options
from .output_options import OutputOptions
from .show import SCHEMA, json_text

if TYPE_CHECKING:
    from ..keys.read import SourcedKey

__all__ = ["key_app"]

key_app = App("key", "Examine key files without a machine.")


@key_app.callback()
def _key() -> None:
    pass


@key_app.command("show")
@with_options(KeyOptions, OutputOptions)
def show(keys: KeyOptions, output: OutputOptions) -> None:
    """Show the keys in KEYFILE: type, bits, fingerprints, and the line for authorized_keys.

    Accepts the same KEYFILE as sos-addkey, and connects to no machine.
    """
    sourced = output.attempt(keys.find)
    sourced = [replace(one, notes=(*one.key.warnings, *one.notes)) for one in sourced]
    if output.json:
        print(json_text([_fields(one) for one in sourced]))
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
        "schema": SCHEMA,
        "type": one.key.type,
        "bits": one.key.bits,
        "fingerprint": one.key.fingerprint,
        "comment": one.key.comment,
        "line": one.key.line,
        "warnings": list(one.notes),
    }
