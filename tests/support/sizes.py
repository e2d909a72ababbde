"""Check the sizes of modules and functions: `python -m tests.support.sizes [FOLDER]...`, part of `make lint`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["FUNCTION_LINES", "MODULE_LINES", "too_long"]

MODULE_LINES = 400
#: From the first decorator to the last line, docstring included.
FUNCTION_LINES = 60
_PACKAGE = Path(__file__).parents[2] / "sosagent"


def too_long(path: Path) -> Iterator[str]:
    """Yield a message for the module `path` and for each function in it that has too many lines."""
    text = path.read_text("utf-8")
    lines = len(text.splitlines())
    if lines > MODULE_LINES:
        yield f"{path}:1: the module has {lines} lines, more than {MODULE_LINES}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            lines = (node.end_lineno or first) - first + 1
            if lines > FUNCTION_LINES:
                yield f"{path}:{first}: {node.name}() has {lines} lines, more than {FUNCTION_LINES}"


def main() -> None:
    """Exit with status 1 if anything is too long."""
    folders = [Path(word) for word in sys.argv[1:]] or [_PACKAGE]
    messages = [message for folder in folders for path in sorted(folder.rglob("*.py")) for message in too_long(path)]
    for message in messages:
        print(message)
    sys.exit(1 if messages else 0)


if __name__ == "__main__":
    main()
