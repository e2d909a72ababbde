"""What boot loaders, pagers and editors show in other languages, as parts of patterns.

program_texts.json has the texts, from the message catalogues of Debian's packages (tests/support/program_texts.py).
"""

from __future__ import annotations

import importlib.resources
import json
import re
from functools import cache

__all__ = ["pattern_of"]

_BLANK = re.compile(r"(?:\\?[ \u00a0])+")


@cache
def _all() -> dict[str, list[str]]:
    text = importlib.resources.files(__package__).joinpath("program_texts.json").read_text("utf-8")
    texts: dict[str, list[str]] = json.loads(text)
    return texts


def pattern_of(key: str) -> str:
    """Return a pattern that matches any of the texts of a key. A number stands for ``%d``, any blanks for a blank."""
    texts = (re.escape(text).replace("%d", r"\d{1,9}") for text in _all()[key])
    return f"(?:{'|'.join(_BLANK.sub(lambda _: _BLANKS, text) for text in texts)})"


_BLANKS = r"[ \u00a0]{0,3}"
