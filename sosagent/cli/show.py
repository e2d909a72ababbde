"""Show events, results and errors: on a terminal, in a pipe, as JSON.

All text passes through `printable` before it is printed, and rich never interprets it as markup.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from ..errors import SosError
from ..printable import printable
from .background import do_in_background, say, wait_for_output

if TYPE_CHECKING:
    from rich.console import Console as Screen
    from rich.progress import Progress as Bar
    from rich.status import Status

    from ..console.events import Event
    from ..jobs.add_key import AddKeyResult
    from ..jobs.state import ConsoleState
    from ..keys import PublicKey

__all__ = [
    "Progress",
    "as_json",
    "error_fields",
    "error_json",
    "result_json",
    "show_error",
    "state_error_json",
    "state_json",
]


class Progress:
    """Prints each step when it ends, with its duration in seconds; a spinner shows the running step.

    Args:
        quiet: print notes only.
        verbose: print details as well.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet = quiet
        self._verbose = verbose
        self._since = time.monotonic()
        self._screen: Screen | None = None
        self._status: Status | None = None
        self._bar: Bar | None = None
        if sys.stderr.isatty() and not quiet:
            from rich.console import Console as Screen

            self._screen = Screen(stderr=True, highlight=False, markup=False, emoji=False)

    def __call__(self, event: Event) -> None:
        text = printable(event.text)
        if event.kind == "start":
            do_in_background(lambda: self._spin(text))
        elif event.kind in ("done", "failed"):
            now = time.monotonic()
            seconds, self._since = now - self._since, now
            do_in_background(self._clear)
            if not self._quiet:
                in_terminal, in_pipe, style = ("✓", " ", "green") if event.kind == "done" else ("✗", "!", "red")
                self._line(in_terminal if self._screen else in_pipe, f"{text:<60} {seconds:6.2f} s", style)
        elif event.kind == "note":
            self.note(text)
        elif self._verbose:
            self._line("·", text, "dim")

    def note(self, text: str) -> None:
        """Print something that the user should know, even if `quiet`."""
        self._line("!", printable(text), "yellow")

    def count(self, done: int, total: int) -> None:
        """Show on a progress bar that `done` of `total` bytes are transferred; on a terminal only."""
        if self._screen is not None:
            do_in_background(lambda: self._advance(done, total))

    def stop(self) -> None:
        """Remove the spinner or the bar, and wait for 2 s at most until everything is printed."""
        do_in_background(self._clear)
        wait_for_output()

    # The following methods run in the background.

    def _advance(self, done: int, total: int) -> None:
        assert self._screen is not None
        if self._bar is None:
            self._clear()
            self._bar = self._new_bar(self._screen)
            self._bar.add_task("", total=total, completed=done)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], total=total, completed=done)
        if done >= total:
            self._clear()

    @staticmethod
    def _new_bar(screen: Screen) -> Bar:
        from rich import progress

        columns = (progress.BarColumn(), progress.DownloadColumn(), progress.TransferSpeedColumn())
        return progress.Progress(*columns, progress.TimeRemainingColumn(), console=screen, transient=True)

    def _clear(self) -> None:
        lives, self._status, self._bar = (self._status, self._bar), None, None
        for live in lives:
            if live is not None:
                live.stop()

    def _spin(self, text: str) -> None:
        self._clear()
        if self._screen is not None:
            from rich.text import Text

            self._status = self._screen.status(Text(text))
            self._status.start()

    def _line(self, mark: str, text: str, style: str) -> None:
        screen = self._screen
        if screen is None:
            say(f"{mark} {text}".rstrip())
            return
        from rich.text import Text

        do_in_background(lambda: screen.print(Text.assemble((mark, style), " ", text), soft_wrap=True))


def show_error(error: SosError) -> None:
    """Print an error on standard error: what happened, where, and what to do next."""
    print(f"sosagent: {printable(error.message)}", file=sys.stderr)
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
            "error": None,
        }
    )


def error_json(error: SosError, *, host: str, user: str, keys: list[PublicKey]) -> str:
    """Return the JSON object of ``--json`` after a failure; it has the same fields."""
    return as_json(
        {
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
            "error": error_fields(error),
        }
    )


def state_json(state: ConsoleState) -> str:
    """Return the JSON object of ``sosagent state --json``."""
    fields = ("host", "name", "title", "would", "hint", "hostname")
    return as_json({name: getattr(state, name) for name in fields} | {"tail": list(state.tail), "error": None})


def state_error_json(error: SosError, host: str) -> str:
    """Return the JSON object of ``sosagent state --json`` after a failure."""
    fields = dict.fromkeys(("name", "title", "would", "hint", "hostname"))
    return as_json({"host": host} | fields | {"tail": list(error.tail), "error": error_fields(error)})


def error_fields(error: SosError) -> dict[str, object]:
    """Return the JSON fields of an error."""
    return {
        "code": error.code,
        "message": error.message,
        "state": error.state or None,
        "hint": error.hint,
        "tail": list(error.tail),
    }


def _key(key: PublicKey) -> dict[str, str]:
    return {"type": key.type, "fingerprint": key.fingerprint, "comment": key.comment}


def as_json(value: dict[str, Any], exact: dict[str, str | None] | None = None) -> str:
    """Return `value` as JSON in which every string is safe to print.

    Args:
        value: the fields.
        exact: further fields, whose strings a program must get unchanged.
    """
    import json  # help does not need it

    return json.dumps(_clean(value) | (exact or {}), indent=2)


def _clean(value: Any) -> Any:
    """Make every string printable; otherwise a program that decodes the JSON may print an escape sequence."""
    if isinstance(value, str):
        return printable(value, 4000)
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
