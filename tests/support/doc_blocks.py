"""Finds the code blocks of the documentation, and runs them page by page.

`python -m tests.support.doc_blocks FOLDER` writes the Python blocks as programs to FOLDER, so that mypy can check them.

A comment above a block describes how to test it:

    <!-- exit: 5 -->           the block exits with this status instead of 0
    <!-- file: NAME -->        the block is saved as a file, which other blocks of the page use
    <!-- run with: OPTIONS --> options of `sosagent run` for this runbook, in addition to --against lab --yes
    <!-- only checked: WHY --> the runbook cannot run on the lab; it is only checked
    <!-- printed by: COMMAND --> this command prints JSON with the same fields
    <!-- not run: WHY -->      the block needs something that the tests do not have; only its syntax is checked
"""

from __future__ import annotations

import ast
import itertools
import os
import re
import shlex
import shutil
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docs.command_line import commands

ROOT = Path(__file__).parents[2]
LANGUAGES = ("sh", "console", "python", "yaml", "toml", "json", "ini", "text")
NOTES = ("exit", "file", "run with", "only checked", "printed by", "not run")

OURS = (["sosagent"], ["sos-addkey"])

_NOTE = re.compile(r"<!-- ([a-z ]+): (.*?) -->")
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Fields:
        page, line: the file, and the line of the opening fence.
        language: the word after the fence.
        text: the contents.
        notes: the comments above the block, by name.
    """

    page: Path
    line: int
    language: str
    text: str
    notes: dict[str, str]

    @property
    def place(self) -> str:
        """The page and the line, for messages and file names."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether the tests run the block."""
        return "not run" not in self.notes

    @property
    def file(self) -> str:
        """The name of the block as a file."""
        return self.notes.get("file", f"block{self.line}.{'py' if self.language == 'python' else self.language}")

    @property
    def program(self) -> str:
        """The Python block as a complete program. Code with `await` at the top level is wrapped in a coroutine."""
        tree = compile(self.text, self.place, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        assert isinstance(tree, ast.Module)
        outer = [one for one in tree.body if not isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
        waits = (ast.Await, ast.AsyncWith, ast.AsyncFor)
        if not any(isinstance(node, waits) for one in outer for node in ast.walk(one)):
            return self.text
        head = (
            'import asyncio\nimport os\n\nimport sosagent\n\npassword = sosagent.Secret(os.environ["SOS_PASSWORD"])\n'
        )
        return f"{head}\n\nasync def main() -> None:\n{textwrap.indent(self.text, '    ')}\n\nasyncio.run(main())\n"


def documents() -> list[Path]:
    """Return all pages that have code blocks."""
    pages = [
        ROOT / "README.md",
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "examples").rglob("README.md")),
    ]
    return [path for path in pages if "```" in path.read_text("utf-8")]


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    text = page.read_text("utf-8")
    blocks = []
    for fence in _FENCE.finditer(text):
        above: list[str] = []
        for line in reversed(text[: fence.start()].rstrip("\n").splitlines()):
            if not _NOTE.fullmatch(line.strip()):
                break
            above.append(line)
        notes = {one[1]: one[2] for one in _NOTE.finditer("\n".join(above))}
        inside = textwrap.dedent(fence["text"])
        blocks.append(Block(page, text.count("\n", 0, fence.start()) + 1, fence["language"].strip(), inside, notes))
    return blocks


def turns_of(block: Block) -> list[tuple[str, list[str]]]:
    """Return the commands of a console block, each with the output that the page shows."""
    turns: list[tuple[str, list[str]]] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            turns.append((line[2:], []))
        elif line.startswith("> ") and turns and not turns[-1][1]:
            turns[-1] = (f"{turns[-1][0]}\n{line[2:]}", [])
        else:
            assert turns, f"{block.place}: a console block starts with a command"
            turns[-1][1].append(line)
    return turns


def command_lines(block: Block) -> list[list[str]]:
    """Return the command lines of a block that call sosagent or sos-addkey, each as a list of words."""
    lines = [turn for turn, _ in turns_of(block)] if block.language == "console" else block.text.splitlines()
    joined = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [words for line in joined for words in [_words(line)] if words[:1] in OURS]


def _words(line: str) -> list[str]:
    """Return the words of the first command of a line, without assignments before it and redirections after it."""
    reader = shlex.shlex(line, posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    words = list(itertools.takewhile(lambda word: not set(word) <= set("();<>|&"), reader))
    return list(itertools.dropwhile(lambda word: re.match(r"[A-Z_]+=", word) is not None, words))


def parse(words: list[str]) -> None:
    """Parse `words` with the parser of the command, which raises an exception if they are invalid."""
    words = ["sosagent", "addkey", *words[1:]] if words[0] == "sos-addkey" else words
    name, command = max(
        ((name, command) for name, command in commands() if words[: len(name.split())] == name.split()),
        key=lambda one: len(one[0]),
    )
    command.make_context(name, words[len(name.split()) :])


def differences(shown: list[str], printed: str) -> list[str]:
    """Return the lines of the page that a command did not print in this order. Figures and paths are ignored."""
    # The lab's machine has no host name, so it reports this computer's.
    printed = re.sub(rf"\b{re.escape(os.uname().nodename)}\b", "web-1", printed)
    rest = [_plain(line) for line in printed.splitlines()]
    missing = []
    for line in shown:
        pattern = _pattern(line)
        if pattern is None:
            continue
        at = next((at for at, one in enumerate(rest) if pattern.fullmatch(one)), None)
        if at is None:
            missing.append(line)
        else:
            rest = rest[at + 1 :]
    return missing


def _plain(line: str) -> str:
    return " ".join(line.replace("✓", " ").split())


def _pattern(line: str) -> re.Pattern[str] | None:
    words = _plain(line).split()
    # The tests set SOS_PASSWORD, so there is no password prompt. An ellipsis stands for omitted lines.
    if not words or words == ["..."] or line.rstrip().endswith("password on the machine:"):
        return None
    if line.startswith("= done in "):  # which step took longest varies
        return re.compile(r"done in \S+ s(?:, of which .+)?")
    varies = re.compile(r"[\d/]|^(SHA256|MD5):|…")
    return re.compile(" ".join(r"\S+" if varies.search(word) else re.escape(word) for word in words))


def shape_of(value: Any) -> Any:
    """Return the keys of a JSON value, recursively; of a list, those of its first element."""
    if isinstance(value, dict):
        return {key: shape_of(one) for key, one in value.items()}
    return [shape_of(one) for one in value[:1]] if isinstance(value, list) else None


def script_of(blocks: list[Block], folder: Path) -> str:
    """Return a bash program for a whole page, so that later blocks see the variables of earlier ones."""
    lines = [
        "set -E; cd",
        "turn() { failed=0; trap 's=$?; ((failed)) || failed=$s' ERR",
        f'  source {folder}/"$1.sh" >{folder}/"$1.out" 2>&1 </dev/null',
        f'  trap - ERR; echo "$failed" >{folder}/"$1.status"; }}',
    ]
    for number, block in enumerate(blocks):
        for at, text in enumerate(_turns(block)):
            name = f"{number}.{at}"
            (folder / f"{name}.sh").write_text(text + "\n", "utf-8")
            lines.append(f"turn {name}")
    return "\n".join([*lines, "kill $(jobs -p) 2>/dev/null; wait"])


def _turns(block: Block) -> list[str]:
    """Return the bash commands that run a block, one for each turn."""
    name = shlex.quote(block.file)
    if block.is_run and "printed by" in block.notes:
        return [f"{block.notes['printed by']} 2>/dev/null"]
    if not block.is_run or block.language in ("json", "ini", "text"):
        return []
    if block.language == "console":
        return [command for command, _ in turns_of(block)]
    if block.language == "sh" and "file" not in block.notes:
        return [block.text]
    text = block.program if block.language == "python" else block.text
    write = f"mkdir -p \"$(dirname {name})\"; cat >{name} <<'END OF BLOCK'\n{text}END OF BLOCK\nchmod 600 {name}"
    do = {
        "python": "" if "file" in block.notes else f"python {name}",
        "toml": f"sosagent machines check --config {name}",
        "yaml": f"sosagent runbook check {name}",
    }.get(block.language, "")
    if block.language == "yaml" and "only checked" not in block.notes:
        do += f" && sosagent run {name} --against lab --yes {block.notes.get('run with', '')}"
    return [f"{write}\n{do}".rstrip()]


def write_commands(folder: Path) -> None:
    """Write the commands of this source tree into `folder`, as if they were installed."""
    folder.mkdir()
    names = {"sosagent": "-m sosagent", "sos-addkey": "-m sosagent addkey", "python": "", "pytest": "-m pytest"}
    for name, words in names.items():
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} {words} "$@"\n')
        (folder / name).chmod(0o755)


def main() -> None:
    """Write each Python block that the tests run to a file of its own."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    blocks = [block for page in documents() for block in blocks_of(page) if block.language == "python" and block.is_run]
    assert blocks
    for block in blocks:
        (folder / f"{re.sub(r'[^a-z0-9]+', '_', block.place.lower())}.py").write_text(block.program, "utf-8")


if __name__ == "__main__":
    main()
