"""Compares the output of a command with what a page of the documentation shows."""

from __future__ import annotations

import difflib
import json
import os
import re
from pathlib import Path
from typing import Any

from .doc_blocks import Block, turns_of

__all__ = ["differences", "problems_of", "shape_of"]

#: What differs from run to run, or from computer to computer, and what stands for it. All other text must be the same.
_VARIES = (
    (r"^[✓=] ", ""),  # the mark of a step; without a terminal, there are two spaces in its place
    (r"of which \d+\.\d+ s: .+", "of which one took longest"),
    (r", of which one took longest$", ""),  # a job in which no step took long does not name one
    (r"\b\d+\.\d+ s\b", "TIME"),
    (r"\bSHA256:[A-Za-z0-9+/]{43}(?![A-Za-z0-9+/])", "FINGERPRINT"),
    (r"\bmachine-id [0-9a-f]{32}\b", "machine-id ID"),
    (r"\b127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    # The lab's machine has an sshd, and thus a port, only where user namespaces are allowed.
    (r"^This should work now: +ssh (?:-p \d+ root@127\.0\.0\.1|root@web-1)$", "This should work now"),
    (r" -p \d+ ", " -p PORT "),
    (r"(?:/var)?/tmp/sosagent-lab(?:-\w+)?", ""),  # the lab's machine has its files there; a real one has none of it
    (r"[ \t]+", " "),  # the width of a column depends on the paths in it
)
_ANY_LINES = "..."


def differences(shown: list[str], printed: str, own_name: str = os.uname().nodename) -> list[str]:
    """Return how the output of a command differs from the lines of a page.

    Args:
        shown: the lines of the page. A line ``...`` stands for any number of lines.
        printed: the output.
        own_name: what the machine calls itself; the pages call it web-1.

    Returns:
        The lines of a diff, from the page to the output; none if they are the same.
    """
    # A machine without a system of its own reports this computer's host name.
    printed = re.sub(rf"\b{re.escape(own_name)}\b", "web-1", printed)
    # The password comes from SOS_PASSWORD, so nothing asks for it.
    wanted = _plain([line for line in shown if not line.rstrip().endswith("password on the machine:")])
    lines = _plain(printed.splitlines())
    pattern = "".join("(?:.*\n)*" if line == _ANY_LINES else re.escape(line) + "\n" for line in wanted)
    if re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)):
        return []
    return list(difflib.unified_diff(wanted, lines, "page", "output", lineterm="", n=1))


def _plain(lines: list[str]) -> list[str]:
    """Return `lines` without what varies, and without empty lines at either end."""
    plain = []
    for line in lines:
        for pattern, replacement in _VARIES:
            line = re.sub(pattern, replacement, line)
        plain.append(line.strip())
    return "\n".join(plain).strip("\n").splitlines()


def shape_of(value: Any) -> Any:
    """Return the keys of a JSON value, recursively; of a list, those of its first element."""
    if isinstance(value, dict):
        return {key: shape_of(one) for key, one in value.items()}
    return [shape_of(one) for one in value[:1]] if isinstance(value, list) else None


def problems_of(block: Block, number: int, work: Path, own_name: str = os.uname().nodename) -> list[str]:
    """Return how the result of a block differs from the page.

    Args:
        block: the block.
        number: its number on the page, as in the names of the files.
        work: the folder of the outputs and exit statuses (see `script_of`).
        own_name: what the machine calls itself; the pages call it web-1.
    """
    problems = []
    turns = turns_of(block) if block.language == "console" else []
    for at, status in enumerate(sorted(work.glob(f"{number}.*.status"), key=lambda one: int(one.name.split(".")[1]))):
        printed = status.with_suffix(".out").read_text("utf-8", "replace")
        wanted = block.notes.get("exit", "0") if not turns or at == len(turns) - 1 else "0"
        if status.read_text().strip() != wanted:
            problems.append(f"{block.place}: exit status {status.read_text().strip()}, not {wanted}\n{printed}")
        if (
            block.is_run
            and "printed by" in block.notes
            and shape_of(json.loads(printed)) != shape_of(json.loads(block.text))
        ):
            problems.append(f"{block.place}: the JSON fields differ from those of\n{printed}")
        different = differences(turns[at][1], printed, own_name) if turns else []
        if different:
            problems.append("\n".join([f"{block.place}: the output differs from the page:", *different]))
    if block.is_run and list(work.glob(f"{number}.*.sh")) and not list(work.glob(f"{number}.*.status")):
        problems.append(f"{block.place}: the block did not run")
    return problems
