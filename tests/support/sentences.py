"""Draws random sentences from messages, help, docstrings, comments and documentation, for an editor to judge.

Run:  python -m tests.support.sentences --seed 1 --count 50
"""

from __future__ import annotations

import argparse
import ast
import io
import random
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FEWEST_WORDS = 4
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[A-Z`*\"'(])")
_FENCE = re.compile(r"^ *```.*?^ *```$|<!--.*?-->", re.MULTILINE | re.DOTALL)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the prose in a file, as line number and text."""
    content = path.read_text("utf-8", "replace")
    if path.suffix == ".py":
        yield from _of_python(content, messages=path.is_relative_to(ROOT / "sosagent"))
    elif path.suffix == ".md":
        yield from _of_markdown(content)
    elif path.suffix in (".sh", ".yml", ".toml", ".service", ".timer") or path.name in ("Makefile", "run"):
        yield from _of_comments(content)


def _of_python(content: str, *, messages: bool) -> Iterator[tuple[int, str]]:
    tree = ast.parse(content)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    pieces = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in node.values}
    for node in ast.walk(tree):
        if id(node) in pieces:
            continue
        if id(node) in docstrings and isinstance(node, ast.Constant):
            yield node.lineno, str(node.value)
        elif messages and isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(_piece(one) for one in node.values)
        elif messages and isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    yield from _python_comments(content)


def _piece(node: ast.expr) -> str:
    return f"{{{ast.unparse(node.value)}}}" if isinstance(node, ast.FormattedValue) else str(getattr(node, "value", ""))


def _python_comments(content: str) -> Iterator[tuple[int, str]]:
    """Yield the comments; those on consecutive lines of their own are one text."""
    first, last, lines = 0, 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type != tokenize.COMMENT or token.string.startswith(("# type:", "# noqa", "# fmt:")):
            continue
        if token.start[0] != last + 1 or not token.line.lstrip().startswith("#"):
            yield first, " ".join(lines)
            first, lines = token.start[0], []
        last = token.start[0]
        lines.append(token.string.lstrip("#: "))
    yield first, " ".join(lines)


def _of_markdown(content: str) -> Iterator[tuple[int, str]]:
    content = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), content)
    for block in re.finditer(r"(?:^(?! {4}|\n).+\n?)+", content, re.MULTILINE):
        line = content.count("\n", 0, block.start()) + 1
        if block[0].startswith("|"):
            for offset, row in enumerate(block[0].splitlines()):
                for cell in re.split(r"(?<!\\)\|", row):
                    yield line + offset, cell
        else:
            yield from ((line, item) for item in re.split(r"\n(?=[-\d])", block[0]))


def _of_comments(content: str) -> Iterator[tuple[int, str]]:
    for block in re.finditer(r"(?:^\s*#(?!!) ?.+\n)+", content, re.MULTILINE):
        line = content.count("\n", 0, block.start()) + 1
        yield line, " ".join(one.strip().lstrip("# ") for one in block[0].splitlines())
    for text in re.finditer(r"^ *-? *(?:name|description|message|confirm|question|summary): *(.+)$", content, re.M):
        yield content.count("\n", 0, text.start()) + 1, text[1]


def sentences() -> list[tuple[str, str]]:
    """Return every sentence of the project with its place, in a stable order."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = set()
    for name in listed.splitlines():
        path = ROOT / name
        if path.is_file() and path.suffix != ".json":
            for line, text in texts(path):
                for paragraph in re.split(r"\n\s*\n|\n(?=\s+\w+(?:, \w+)*: )", text):
                    for sentence in _SENTENCE_END.split(" ".join(paragraph.split())):
                        if len(re.findall(r"[A-Za-z]{2,}", sentence)) >= _FEWEST_WORDS and " " in sentence:
                            found.add((f"{name}:{line}", sentence))
    return sorted(found)


def main() -> None:
    """Print a random sample."""
    parser = argparse.ArgumentParser(description="Print random sentences of the project.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--count", type=int, default=50)
    options = parser.parse_args()
    everything = sentences()
    print(f"{options.count} of {len(everything)} sentences, seed {options.seed}")
    for place, sentence in random.Random(options.seed).sample(everything, options.count):
        print(f"{place}\n    {sentence}")


if __name__ == "__main__":
    main()
