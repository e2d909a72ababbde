"""An extension for mkdocstrings that rewrites our docstrings into the Google style it understands."""

from __future__ import annotations

import re
from typing import Any

import griffe

_SHARED = re.compile(r"^( +)(\w+(?:, \w+)+):", re.MULTILINE)


class FieldsAreAttributes(griffe.Extension):
    """Rename the section `Fields:` to `Attributes:`, and give names that share one description a line each."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of `obj`; see `griffe.Extension`."""
        if obj.docstring is not None:
            text = obj.docstring.value.replace("\nFields:\n", "\nAttributes:\n")
            obj.docstring.value = _SHARED.sub(_one_line_each, text)


def _one_line_each(match: re.Match[str]) -> str:
    indent, names = match[1], match[2]
    *first, last = names.split(", ")
    return "\n".join([*(f"{indent}{name}: see `{last}`." for name in first), f"{indent}{last}:"])
