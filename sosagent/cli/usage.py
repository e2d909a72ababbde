"""Run the typer command, and report a wrong command line like any other error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer

from ..errors import SosError, UsageError
from .exits import Reported
from .show import as_json, error_fields, failed_fields, show_error

__all__ = ["run_command"]

#: typer brings its own copy of click in some versions, so its classes are found through typer.
_ClickError: type[Exception] = next(one for one in typer.BadParameter.__mro__ if one.__name__ == "ClickException")
_ADDKEY = ("sos-addkey", "sosagent addkey")


def run_command(command: Any, words: Sequence[str] | None = None, program: str = "sosagent") -> int:
    """Run a command and return its exit status.

    Args:
        command: the command that typer made of an app.
        words: its arguments; by default those of the process.
        program: the name of the program.
    """
    try:
        status = command.main(args=words, prog_name=program, standalone_mode=False)
    except Reported as ended:
        status = ended.code
    except typer.Abort:
        show_error(SosError("stopped: the input has ended"))
        return SosError.exit_code
    except _ClickError as error:
        if error.__class__.__name__ == "NoArgsIsHelpError":
            error.show()  # type: ignore[attr-defined]
        else:
            given = sys.argv[1:] if words is None else words
            _report(error, given, _path(command, program, given))
        return UsageError.exit_code
    return status if isinstance(status, int) else 0


def _path(command: Any, program: str, words: Sequence[str]) -> str:
    """Return the command that `words` lead to, such as ``sosagent keys list``. Not every error of typer names it."""
    path = [program]
    for word in words:
        below = getattr(command, "commands", {})
        if word in below:
            command = below[word]
            path.append(word)
        elif not word.startswith("-"):
            break
    return " ".join(path)


def _report(click_error: Any, words: Sequence[str], path: str) -> None:
    context = getattr(click_error, "ctx", None)
    error = UsageError(_message(click_error), hint=_hint(context, path))
    options = words[: words.index("--")] if "--" in words else words
    if "--json" not in options:
        show_error(error)
        return
    fields = failed_fields(error, host="", user="", keys=[]) if path in _ADDKEY else {"status": "failed"}
    print(as_json(fields | {"error": error_fields(error)}))


def _message(error: Any) -> str:
    """Return the message of typer in the form of our own: no capital letter, no full stop."""
    similar = getattr(error, "possibilities", None)
    text: str = f"{error.message}; did you mean {' or '.join(sorted(similar))}?" if similar else error.format_message()
    text = text.removesuffix(".")
    return text[:1].lower() + text[1:]


def _hint(context: Any, path: str) -> str:
    help_text = f"{path} --help explains the options."
    return help_text if context is None else f"{help_text}\n{' '.join(context.get_usage().split())}"
