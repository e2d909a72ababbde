"""Show results and errors, also as JSON. All text passes through `printable` before it is printed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import SosError
from ..printable import printable
from .colour import in_colour
from .progress import Progress

if TYPE_CHECKING:
    from ..jobs.add_key import AddKeyResult
    from ..jobs.state import ConsoleState
    from ..keys import PublicKey

__all__ = [
    "SCHEMA",
    "Progress",
    "as_json",
    "error_fields",
    "failed_fields",
    "json_text",
    "result_json",
    "show_error",
    "show_message",
    "state_fields",
    "state_json",
]

#: The version of the JSON output, a field of every object. Fields are added without a new version.
SCHEMA = 1


def show_error(error: SosError) -> None:
    """Print an error on standard error: what happened, where, and what to do next."""
    show_message(printable(error.message))
    if error.state:
        print(f"  console state: {printable(error.state)}", file=sys.stderr)
    if error.tail:
        print("  last lines:", file=sys.stderr)
        for line in error.tail:
            print(f"    | {printable(line)}", file=sys.stderr)
    for note in getattr(error, "__notes__", ()):
        print(f"  {printable(note)}", file=sys.stderr)
    # The newlines in a hint are ours; the text that it quotes is printable already.
    for line in error.hint.splitlines():
        print(f"  {printable(line, 2000)}", file=sys.stderr)


def show_message(message: str) -> None:
    """Print the first line of an error on standard error, in colour where that is allowed."""
    print(f"{in_colour('sosagent:', 'error', sys.stderr)} {printable(message, 4000)}", file=sys.stderr)


def result_json(result: AddKeyResult) -> str:
    """Return the JSON object of ``--json`` after success."""
    return as_json(
        {
            "status": result.status,
            "host": result.host,
            "user": result.user,
            "file": result.file,
            "keys": [
                {**_key(outcome.key), "result": outcome.result, "options": list(outcome.options)}
                for outcome in result.keys
            ],
            "state_found": result.state_found,
            "logged_out": result.logged_out,
            "keys_before": result.keys_before,
            "keys_after": result.keys_after,
            "machine": {"hostname": result.hostname, "machine_id": result.machine_id},
            "warnings": list(result.warnings),
            "changes": list(result.changes),
            "verification": None
            if result.verification is None
            else {
                "outcome": result.verification.outcome,
                "command": result.verification.command,
                "said": result.verification.message,
                "causes": result.verification.causes,
            },
            "seconds": round(result.seconds, 3),
            "bytes_sent": result.bytes_sent,
            "bytes_received": result.bytes_received,
            "exchanges": result.exchanges,
            "problems": list(result.problems),
            "remedies": list(result.remedies),
            "backup": result.backup or None,
            "diff": list(result.change.diff) if result.change else [],
            "error": None,
        }
    )


def failed_fields(error: SosError, *, host: str, user: str, keys: list[PublicKey]) -> dict[str, Any]:
    """Return the JSON fields after a failure to add keys, which are those of success, but for `error`."""
    return {
        "status": "failed",
        "host": host,
        "user": user,
        "file": None,
        "keys": [{**_key(key), "result": "failed", "options": []} for key in keys],
        "state_found": error.state or None,
        "logged_out": None,
        "keys_before": None,
        "keys_after": None,
        "machine": {"hostname": None, "machine_id": None},
        "warnings": list(getattr(error, "__notes__", ())),
        "changes": [],
        "verification": None,
        "seconds": None,
        "bytes_sent": None,
        "bytes_received": None,
        "exchanges": None,
        "problems": [],
        "remedies": [],
        "backup": None,
        "diff": [],
    }


def state_json(state: ConsoleState) -> str:
    """Return the JSON object of ``sosagent state --json``."""
    fields = ("host", "name", "title", "would", "hint", "hostname")
    return as_json({name: getattr(state, name) for name in fields} | {"tail": list(state.tail), "error": None})


def state_fields(error: SosError, host: str) -> dict[str, Any]:
    """Return the JSON fields of ``sosagent state`` after a failure."""
    fields = dict.fromkeys(("name", "title", "would", "hint", "hostname"))
    return {"host": host} | fields | {"tail": list(error.tail)}


def error_fields(error: SosError) -> dict[str, object]:
    """Return the JSON fields of an error."""
    return {
        "code": error.code,
        "message": error.message,
        "state": error.state or None,
        "hint": " ".join(error.hint.splitlines()),
        "tail": list(error.tail),
    }


def _key(key: PublicKey) -> dict[str, str]:
    return {"type": key.type, "fingerprint": key.fingerprint, "comment": key.comment}


def as_json(value: Mapping[str, Any], exact: dict[str, str | None] | None = None) -> str:
    """Return an object as JSON, with the field `schema`, in which every string is safe to print.

    Args:
        value: the fields.
        exact: further fields, whose strings a program must get unchanged.
    """
    return json_text({"schema": SCHEMA} | _clean(dict(value)) | (exact or {}))


def json_text(value: object) -> str:
    """Return `value` as JSON, as the commands print it."""
    import json  # help does not need it

    return json.dumps(value, indent=2)


def _clean(value: Any) -> Any:
    """Make every string printable; otherwise a program that decodes the JSON may print an escape sequence."""
    if isinstance(value, str):
        return printable(value, 4000)
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
