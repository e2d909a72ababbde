"""Generate the list of public names in docs/reference/library.md from `sosagent` and `sosagent.blocking`.

Run:  python -m docs.public_names
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from types import ModuleType

import sosagent
import sosagent.blocking
from docs.generated import DOCS, GeneratedPart, table_row

MODULES: tuple[ModuleType, ...] = (sosagent, sosagent.blocking)


def table() -> str:
    """Return the list as Markdown."""
    return "\n".join([table_row("name", "attributes and methods", "what it is"), "|---|---|---|", *_rows()])


def _rows() -> Iterator[str]:
    for module in MODULES:
        for name in sorted(module.__all__, key=str.lower):
            value = getattr(module, name)
            own = [f"`{one}`" for one in members_of(value)]
            bases = [f"those of `{one.__name__}`" for one in public_bases(value)]
            yield table_row(f"`{module.__name__}.{name}`", ", ".join([*bases, *own]), _summary(value))


def public_bases(value: object) -> list[type]:
    """Return the public class that the class `value` extends, if any."""
    public = [getattr(module, name) for module in MODULES for name in module.__all__]
    return [one for one in inspect.getmro(value)[1:] if one in public][:1] if inspect.isclass(value) else []


def members_of(value: object) -> list[str]:
    """Return the public attributes and methods of a class of ours, without those of the public class that it extends.

    Attributes are those of the class, annotated fields, and what the methods assign to ``self``.
    """
    if not inspect.isclass(value):
        return []
    bases = public_bases(value)
    inherited = {one for base in bases for one in base.__mro__}
    ours = [one for one in value.__mro__ if one.__module__.startswith("sosagent.") and one not in inherited]
    names = {name for one in ours for name in (*vars(one), *vars(one).get("__annotations__", ()), *_assigned(one))}
    names -= {*_OF_LIBRARIES, *(name for base in bases for name in members_with_inherited(base))}
    return sorted(name for name in names if not name.startswith("_"))


def members_with_inherited(value: object) -> set[str]:
    """Return the public attributes and methods of a class, with those of the public classes that it extends."""
    return {*members_of(value), *(name for base in public_bases(value) for name in members_with_inherited(base))}


def _assigned(one: type) -> Iterator[str]:
    """Yield the names that the methods of a class assign to ``self``."""
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(one)))):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            yield node.attr


def _summary(value: object) -> str:
    """Return the first sentence of the docstring; nothing for a value."""
    if not (inspect.isclass(value) or inspect.isfunction(value)):
        return ""
    return (inspect.getdoc(value) or "").split("\n\n")[0].replace("\n", " ").removesuffix("::")


#: What pydantic adds to a class.
_OF_LIBRARIES = {"model_config"}

PUBLIC_NAMES = GeneratedPart(DOCS / "reference" / "library.md", "names", "docs/public_names.py", table)

if __name__ == "__main__":
    PUBLIC_NAMES.write()
