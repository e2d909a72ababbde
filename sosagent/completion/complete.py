"""Answer a shell that asks how a command line can go on."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, field

from .sources import Candidate, Context, candidates
from .table import Command, Option, find_command
from .words import split_line

__all__ = ["VARIABLE", "Answer", "answer_shell", "complete"]

#: The shell's script sets it, to ``bash``, ``zsh`` or ``fish``.
VARIABLE = "_SOSAGENT_COMPLETE"

#: Characters that bash needs a backslash for.
_SPECIAL = re.compile(r"([^\w@%+=:,./~-])")


@dataclass
class Answer:
    """How the last word can go on.

    Fields:
        items: the candidates, whole words.
        files: ``files`` or ``folders`` if such are candidates as well.
    """

    items: list[Candidate] = field(default_factory=list)
    files: str = ""


@dataclass
class _Position:
    """Where the cursor is.

    Fields:
        seen: the options before it, each with its value.
        arguments: the arguments before it.
        pending: the option whose value comes next.
        ended: whether ``--`` came before it.
    """

    seen: list[tuple[Option, str]] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    pending: Option | None = None
    ended: bool = False

    def value(self, name: str) -> str | None:
        """Return the last value of an option, or None."""
        return next((value for option, value in reversed(self.seen) if name in option.names), None)


def answer_shell(program: str, arguments: list[str]) -> int:
    """Print the answer to a shell's script, and return the exit status. An error gives no candidates and no message.

    Args:
        program: ``sosagent`` or ``sos-addkey``.
        arguments: for bash, the characters that break words, and the line up to the cursor; for the others, the words
            behind the program, the last of which is unfinished.
    """
    try:
        shell = os.environ[VARIABLE]
        if shell == "bash":
            text = _for_bash(program, *arguments[:2])
        else:
            text = _text(complete(program, arguments[:-1], arguments[-1]), 0)
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - a message would end up in the middle of the user's command line
        return 1
    return 0


def complete(program: str, before: list[str], current: str) -> Answer:
    """Return how `current`, the last word, can go on after the words `before`."""
    command, words = find_command(program, before)
    if program == "sosagent" and before[:1] == ["help"] and not current.startswith("-"):
        command, words = find_command(program, before[1:])
        return _fitting(Answer([] if words else list(command.subcommands.items())), current)
    if command.subcommands:
        items = [] if current.startswith("-") else list(command.subcommands.items())
        return _fitting(Answer(items or _options(command, _Position())), current)
    position = _read(command, words)
    context = _context(command, position)
    if position.pending is not None:
        return _value(position.pending.kind, "", current, context)
    name, equals, value = current.partition("=")
    if current.startswith("-") and not position.ended:
        option = command.option(name) if equals and name.startswith("--") else None
        if option is not None and option.kind:
            return _value(option.kind, f"{name}=", value, context)
        return _fitting(Answer(_options(command, position)), current)
    at = len(position.arguments)
    if at >= len(command.arguments) and command.arguments and command.arguments[-1].repeatable:
        at = len(command.arguments) - 1
    return _value(command.arguments[at].kind, "", current, context) if at < len(command.arguments) else Answer()


def _read(command: Command, words: list[str]) -> _Position:
    position = _Position()
    for word in words:
        if position.pending is not None:
            position.seen.append((position.pending, word))
            position.pending = None
        elif position.ended or word == "-" or not word.startswith("-"):
            position.arguments.append(word)
        elif word == "--":
            position.ended = True
        elif word.startswith("--"):
            _read_option(command, position, *word.partition("="))
        else:
            _read_short(command, position, word)
    return position


def _read_option(command: Command, position: _Position, name: str, equals: str, value: str) -> None:
    option = command.option(name)
    if option is None:
        return
    if option.kind and not equals:
        position.pending = option
    else:
        position.seen.append((option, value))


def _read_short(command: Command, position: _Position, word: str) -> None:
    """Read ``-v``, ``-vn``, ``-i`` and ``-iFILE``."""
    for at in range(1, len(word)):
        option = command.option(f"-{word[at]}")
        if option is None:
            return
        if option.kind:
            _read_option(command, position, f"-{word[at]}", word[at + 1 :], word[at + 1 :])
            return
        position.seen.append((option, ""))


def _context(command: Command, position: _Position) -> Context:
    runbook = next((value for one, value in zip(command.arguments, position.arguments, strict=False)
                    if one.kind == "runbook"), None)  # fmt: skip
    return Context(position.value("--config"), position.value("--ssh-config"), runbook)


def _options(command: Command, position: _Position) -> list[Candidate]:
    used = [option for option, _ in position.seen]
    free = [one for one in command.options if one.repeatable or one not in used]
    return [(max(one.names, key=len), one.help) for one in free]


def _value(kind: str, prefix: str, word: str, context: Context) -> Answer:
    items, files = candidates(kind, word, context)
    answer = _fitting(Answer(items, files), word)
    return Answer([(f"{prefix}{value}", text) for value, text in answer.items], answer.files)


def _fitting(answer: Answer, word: str) -> Answer:
    """Return the candidates that start with `word`, without those that a terminal could not show."""
    fitting = [(value, text) for value, text in answer.items if value.startswith(word) and value.isprintable()]
    return Answer(fitting, answer.files)


def _text(answer: Answer, cut: int) -> str:
    """Return the answer as the scripts read it: a line about files and blanks, and a line for each candidate."""
    open_end = all(value.endswith(("=", ":", "/", "@")) for value, _ in answer.items) and bool(answer.items)
    lines = [" ".join(filter(None, (answer.files, "nospace" if open_end else ""))) or "words"]
    lines += [f"{value[cut:]}\t{''.join(filter(str.isprintable, text))}" for value, text in answer.items]
    return "\n".join(lines) + "\n"


def _for_bash(program: str, breaks: str, text: str) -> str:
    """Return the answer for bash, which completes only what follows the last character that breaks words."""
    line = split_line(text)
    words = line.words
    while len(words) > 1 and "=" in words[0] and "/" not in words[0]:  # NAME=VALUE in front of the command
        words = words[1:]
    answer = complete(program, words[1:], line.current)
    # bash keeps an @ as the start of the word that it completes, and drops the other characters.
    ends = [line.current.rfind(one) + (one != "@") for one in breaks if not one.isspace() and one in line.current]
    cut = 0 if line.quoted else max(ends, default=0)
    if not line.quoted:
        answer.items = [(_SPECIAL.sub(r"\\\1", value), text) for value, text in answer.items]
        cut = len(_SPECIAL.sub(r"\\\1", line.current[:cut]))
    return _text(answer, cut)
