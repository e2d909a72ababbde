"""Finds the code blocks of the documentation, and runs them page by page.

`python -m tests.support.doc_blocks FOLDER` writes the Python blocks as programs to FOLDER, so that mypy can check them.

A comment above a block describes how to test it:

    <!-- exit: 5 -->           the block exits with this status instead of 0
    <!-- file: NAME -->        the block is saved as a file, which other blocks of the page use
    <!-- run with: OPTIONS --> options of `sosagent run` for this runbook, in addition to --against lab --yes
    <!-- only checked: WHY --> the runbook cannot run on the lab; it is only checked
    <!-- printed by: COMMAND --> this command prints JSON with the same fields
    <!-- needs: WHAT -->       the block is run only where the lab's machine has a system and an sshd of its own
    <!-- not run: WHY -->      the block needs something that the tests do not have; only its syntax is checked
    <!-- only followed: WHY --> only tests.support.follow runs the block, in a Debian of its own
"""

from __future__ import annotations

import ast
import itertools
import re
import shlex
import shutil
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from docs.command_line import commands

ROOT = Path(__file__).parents[2]
LANGUAGES = ("sh", "console", "python", "yaml", "toml", "json", "ini", "text")
NOTES = ("exit", "file", "run with", "only checked", "printed by", "needs", "not run", "only followed")

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
        return not self.notes.keys() & {"not run", "only followed"}

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


def script_of(blocks: list[Block], folder: Path, shown_as: Path | None = None, *, as_printed: bool = False) -> str:
    """Return a bash program for a whole page, so that later blocks see the variables of earlier ones.

    Args:
        blocks: the blocks of the page.
        folder: the folder for the programs of the blocks, and later for their outputs and exit statuses.
        shown_as: its path where the program runs.
        as_printed: whether to run the blocks as a reader would: no checks beyond what the page says.
    """
    there = shown_as or folder
    lines = [
        "set -E; cd",
        "turn() { failed=0; trap 's=$?; ((failed)) || failed=$s' ERR",
        f'  source {there}/"$1.sh" >{there}/"$1.out" 2>&1 </dev/null',
        f'  trap - ERR; echo "$failed" >{there}/"$1.status"; }}',
    ]
    for number, block in enumerate(blocks):
        for at, text in enumerate(_as_printed(block) if as_printed else _turns(block)):
            name = f"{number}.{at}"
            (folder / f"{name}.sh").write_text(text + "\n", "utf-8")
            lines.append(f"turn {name}")
    return "\n".join([*lines, "kill $(jobs -p) 2>/dev/null; wait"])


def _as_printed(block: Block) -> list[str]:
    """Return what a reader does with a block, one text for each turn: run it, or save it if it has a file name."""
    if "not run" in block.notes:
        return []
    if "file" in block.notes:
        return [_write(block, block.text)]
    if block.language == "console":
        return [command for command, _ in turns_of(block)]
    if block.language == "python":
        return [f"{_write(block, block.program)}python {shlex.quote(block.file)}"]
    return [block.text] if block.language == "sh" else []


def _write(block: Block, text: str) -> str:
    """Return the bash commands that save `text` as the block's file."""
    name = shlex.quote(block.file)
    return f"mkdir -p \"$(dirname {name})\"; cat >{name} <<'END OF BLOCK'\n{text}END OF BLOCK\nchmod 600 {name}\n"


def _turns(block: Block) -> list[str]:
    """Return the bash commands that test a block, one for each turn."""
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
    do = {
        "python": "" if "file" in block.notes else f"python {name}",
        "toml": f"sosagent machines check --config {name}",
        "yaml": f"sosagent runbook check {name}",
    }.get(block.language, "")
    if block.language == "yaml" and "only checked" not in block.notes:
        do += f" && sosagent run {name} --against lab --yes {block.notes.get('run with', '')}"
    return [f"{_write(block, text)}{do}".rstrip()]


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
