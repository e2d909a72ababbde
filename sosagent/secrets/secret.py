"""A string that never shows itself, and the redaction of secrets from text of outside origin."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NoReturn

from .marks import HIDDEN

__all__ = ["Secret", "hidden"]

#: Shorter secrets are not redacted: they would match parts of unrelated words.
_MIN_REDACTED = 6


class Secret:
    """A string that no `repr`, format, log, traceback, comparison or pickle reveals.

    Call `reveal` only at the one place that writes the value to the console.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the value. Call this only to pass the secret to the program or prompt that needs it."""
        return self.__value

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")


def hidden(text: str, secrets: Iterable[Secret]) -> str:
    """Return `text`, which came from outside, with every one of `secrets` replaced by `HIDDEN`.

    Call it before the text is shortened: a secret that is cut in two is not recognised.
    """
    for secret in secrets:
        if len(secret.reveal()) >= _MIN_REDACTED:
            text = re.sub(re.escape(secret.reveal()), HIDDEN, text, flags=re.IGNORECASE)
    return text
