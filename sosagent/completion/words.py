"""Split an unfinished command line into words, as a shell does. No I/O."""

from __future__ import annotations

__all__ = ["Line", "split_line"]


class Line:
    """A command line up to the cursor.

    Attributes:
        words: the words before the last one, without quotes.
        current: the last word, without quotes; empty behind a blank.
        quoted: whether the cursor is inside quotes.
    """

    def __init__(self, words: list[str], current: str, quoted: bool) -> None:
        self.words = words
        self.current = current
        self.quoted = quoted


def split_line(text: str) -> Line:
    """Split `text`, in which the last quote may be open."""
    words: list[str] = []
    word: list[str] = []
    started, quote, at = False, "", 0
    while at < len(text):
        char = text[at]
        if quote:
            if char == quote:
                quote = ""
            elif char == "\\" and quote == '"' and text[at + 1 : at + 2] in ('"', "\\", "$", "`"):
                at += 1
                word.append(text[at])
            else:
                word.append(char)
        elif char in "'\"":
            quote, started = char, True
        elif char == "\\":
            at += 1
            word.append(text[at : at + 1])
            started = True
        elif char in " \t\n":
            if started:
                words.append("".join(word))
            word, started = [], False
        else:
            word.append(char)
            started = True
        at += 1
    return Line(words, "".join(word), bool(quote))
