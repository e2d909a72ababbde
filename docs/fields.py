"""For mkdocstrings: our docstrings in the form that it knows."""

from __future__ import annotations

import re
from typing import Any

import griffe

_TOGETHER = re.compile(r"^( +)(\w+(?:, \w+)+):", re.MULTILINE)


class FieldsAreAttributes(griffe.Extension):
    """Calls `Fields:` attributes, and gives names that share an explanation a line each."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """See `griffe.Extension`."""
        if obj.docstring is not None:
            text = obj.docstring.value.replace("\nFields:\n", "\nAttributes:\n")
            obj.docstring.value = _TOGETHER.sub(_apart, text)


def _apart(found: re.Match[str]) -> str:
    *first, last = found[2].split(", ")
    return "\n".join([*(f"{found[1]}{name}: see `{last}`." for name in first), f"{found[1]}{last}:"])
