"""How events, results and errors look: on a terminal, in a pipe, as JSON.

Nothing but text that went through `printable` is handed to rich, and never as markup.
"""

from __future__ import annotations

import json
import re
import sys
import time
from typing import TYPE_CHECKING, Any

from ..errors import SosError
from ..printable import printable

if TYPE_CHECKING:
    from rich.console import Console as Screen
    from rich.progress import Progress as Bar
    from rich.status import Status

    from ..console.events import Event
    from ..jobs.add_key import AddKeyResult
    from ..jobs.state import ConsoleState
    from ..jobs.verify import Verification
    from ..keys import PublicKey

__all__ = [
    "Progress",
    "as_json",
    "error_fields",
    "error_json",
    "result_json",
    "show_error",
    "show_result",
    "state_error_json",
    "state_json",
]


class Progress:
    """Shows steps as they end, with the seconds each took; a spinner on the running one.

    Args:
        quiet: show nothing but notes.
        verbose: show details too.
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
            self._spin(text)
        elif event.kind == "done":
            self.stop()
            now = time.monotonic()
            if not self._quiet:
                self._line("✓" if self._screen else " ", f"{text:<60} {now - self._since:6.2f} s", "green")
            self._since = now
        elif event.kind == "note":
            self._line("!", text, "yellow")
        elif self._verbose:
            self._line("·", text, "dim")

    def count(self, done: int, total: int) -> None:
        """Show a bar of the bytes that are there; on a terminal only."""
        if self._screen is None:
            return
        if self._bar is None:
            self.stop()
            self._bar = self._new_bar(self._screen)
            self._bar.add_task("", total=total, completed=done)
            self._bar.start()
        self._bar.update(self._bar.task_ids[0], total=total, completed=done)
        if done >= total:
            self.stop()

    @staticmethod
    def _new_bar(screen: Screen) -> Bar:
        from rich import progress

        columns = (progress.BarColumn(), progress.DownloadColumn(), progress.TransferSpeedColumn())
        return progress.Progress(*columns, progress.TimeRemainingColumn(), console=screen, transient=True)

    def stop(self) -> None:
        """Take the spinner or the bar away."""
        for shown in (self._status, self._bar):
            if shown is not None:
                shown.stop()
        self._status = self._bar = None

    def _spin(self, text: str) -> None:
        self.stop()
        if self._screen is not None:
            from rich.text import Text

            self._status = self._screen.status(Text(text))
            self._status.start()

    def _line(self, mark: str, text: str, style: str) -> None:
        if self._screen is None:
            print(f"{mark} {text}".rstrip(), file=sys.stderr, flush=True)
            return
        from rich.text import Text

        self._screen.print(Text.assemble((mark, style), " ", text), soft_wrap=True)


def show_result(result: AddKeyResult) -> None:
    """Print what is true now: the file, each key, and the command that should work."""
    where = f"{printable(result.file)} on {printable(result.hostname)}"
    if result.machine_id:
        where += f" (machine-id {printable(result.machine_id)})"
    print(where)
    for outcome in result.keys:
        print(f"  {outcome.result:<9} {outcome.key.fingerprint} {_comment(outcome.key)}".rstrip())
    for warning in result.warnings:
        print(f"  warning: {printable(warning)}")
    for change in result.changes:
        print(f"  mended: {printable(change)}")
    if any("StrictModes" in warning for warning in result.warnings):
        print("  --fix-permissions mends what StrictModes refuses of the file, its folder and the home.")
    if result.verification is not None:
        _show_verification(result.verification)
    elif result.status == "would-add":
        print("Nothing was changed (--dry-run).")
    elif not result.warnings:
        # What can be pasted holds nothing that a shell would run.
        host = result.hostname if re.fullmatch(r"[\w.-]+", result.hostname, re.ASCII) else "HOST"
        print(f"This should work now:  ssh {result.user}@{host}")


_OUTCOMES = {"works": "Works", "not-tried": "Not proved"}


def _show_verification(seen: Verification) -> None:
    print(f"{_OUTCOMES.get(seen.outcome, 'Does not work')}:  {printable(seen.command)}")
    print(f"  {printable(seen.said)}")
    if seen.outcome == "host-key-differs":
        print("  DANGER: another machine may be answering there. Do not type a password.")
    for cause in seen.causes:
        print(f"  because: {printable(cause)}")


def show_error(error: SosError) -> None:
    """Print what happened, where, and what to do next, on standard error."""
    print(f"sosagent: {printable(error.message)}", file=sys.stderr)
    if error.state:
        print(f"  console state: {printable(error.state)}", file=sys.stderr)
    if error.tail:
        print("  last lines:", file=sys.stderr)
        for line in error.tail:
            print(f"    | {printable(line)}", file=sys.stderr)
    for note in getattr(error, "__notes__", ()):
        print(f"  {printable(note)}", file=sys.stderr)
    # A hint is our own text, with newlines of its own; what it quotes is printable already.
    for line in error.hint.splitlines():
        print(f"  {printable(line, 2000)}", file=sys.stderr)


def result_json(result: AddKeyResult) -> str:
    """The one object of ``--json``, on success."""
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
            else {name: getattr(result.verification, name) for name in ("outcome", "command", "said", "causes")},
            "seconds": round(result.seconds, 3),
            "bytes_sent": result.bytes_sent,
            "bytes_received": result.bytes_received,
            "exchanges": result.exchanges,
            "error": None,
        }
    )


def error_json(error: SosError, *, host: str, user: str, keys: list[PublicKey]) -> str:
    """The one object of ``--json``, on failure: the same fields."""
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
            "error": error_fields(error),
        }
    )


def state_json(seen: ConsoleState) -> str:
    """The one object of ``sosagent state --json``."""
    fields = ("host", "name", "title", "would", "hint", "hostname")
    return as_json({name: getattr(seen, name) for name in fields} | {"tail": list(seen.tail), "error": None})


def state_error_json(error: SosError, host: str) -> str:
    """The same where no state was seen."""
    fields = dict.fromkeys(("name", "title", "would", "hint", "hostname"))
    return as_json({"host": host} | fields | {"tail": list(error.tail), "error": error_fields(error)})


def error_fields(error: SosError) -> dict[str, object]:
    """What JSON says of an error."""
    return {
        "code": error.code,
        "message": error.message,
        "state": error.state or None,
        "hint": error.hint,
        "tail": list(error.tail),
    }


def _key(key: PublicKey) -> dict[str, str]:
    return {"type": key.type, "fingerprint": key.fingerprint, "comment": key.comment}


def _comment(key: PublicKey) -> str:
    return printable(key.comment)


def as_json(value: dict[str, Any]) -> str:
    """JSON whose every string is safe to print."""
    return json.dumps(_clean(value), indent=2)


def _clean(value: Any) -> Any:
    """Make every string printable: JSON would carry an escape sequence to whoever decodes it."""
    if isinstance(value, str):
        return printable(value, 4000)
    if isinstance(value, dict):
        return {name: _clean(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value
