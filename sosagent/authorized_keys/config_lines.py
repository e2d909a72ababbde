"""Lines of sshd_config: keyword and arguments, as sshd reads them (servconf.c; misc.c, argv_split). No I/O."""

from __future__ import annotations

import re

__all__ = ["arguments"]

_LINE = re.compile(r'[ \t\r\f]*"?([A-Za-z0-9]+)"?[ \t]*=?[ \t]*(.*?)[ \t\r\f\n]*')


def arguments(line: str) -> tuple[str, list[str]]:
    """Return the keyword of a line in lower case, and its arguments without quotes.

    Both are empty for a comment, or if a quote is not closed.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return "", []
    words: list[str] = []
    position, text = 0, match[2]
    while position < len(text):
        if text[position] in " \t":
            position += 1
            continue
        if text[position] == "#":
            break
        end = _end_of_word(text, position)
        if end is None:
            return "", []
        words.append(_unquoted(text[position:end]))
        position = end
    return match[1].lower(), words


def _end_of_word(text: str, start: int) -> int | None:
    """Return where the word that starts at `start` ends; None if a quote is not closed."""
    quote, position = "", start
    while position < len(text):
        character = text[position]
        if _is_escape(text, position, quote):
            position += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in " \t":
            return position
        position += 1
    return None if quote else position


def _unquoted(word: str) -> str:
    result, quote, position = "", "", 0
    while position < len(word):
        character = word[position]
        if _is_escape(word, position, quote):
            position += 1
            result += word[position]
        elif quote and character == quote:
            quote = ""
        elif not quote and character in "\"'":
            quote = character
        else:
            result += character
        position += 1
    return result


def _is_escape(text: str, position: int, quote: str) -> bool:
    """Whether a backslash stands for the character after it: a quote, a backslash, or outside quotes a blank."""
    following = text[position + 1 : position + 2]
    return text[position] == "\\" and following != "" and following in ("\\\"'" if quote else "\\\"' ")
