"""cli/report_markdown.py: the record of a run as Markdown, as a parser of Markdown reads it."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from sosagent.cli.report_markdown import markdown
from sosagent.printable import is_clean, printable

from ..runbook.runs import SECRET, write_runbook
from ..support.cli import run_sosagent
from .test_report import HOSTILE, record, step

MARKDOWN = MarkdownIt("commonmark").enable("table")
ATTACKS = {
    "html": HOSTILE,
    "pipes": "a|b||c \\| d\\\\| | --- | `x|y` \\",
    "backticks": "`a` ``b`` ```c``` ` `` ``` ````",
    "fences": "```\nout\n~~~\n```` <b>\n   ```\n    ~~~~",
    "links": "[a](http://evil.test) ![b](http://evil.test/x.png) <http://evil.test> [c]: http://evil.test http://e.test",
    "mentions": "@team #12 !7 user@evil.test www.evil.test :tada: ~bug $4 %3 GH-1",
    "emphasis": "*a* _b_ **c** __d__ ~~e~~ a_b_c \\*",
    "blocks": "# a\n> b\n- c\n1. d\n---\n===\n    code\n\tcode\n| a | b |\n|---|---|\n<!-- \n/close\n[x]: y\n+ z",
    "entities": "&lt;b&gt; &amp; &#60;script&#62; &copy;",
    "plain": "Look at the disk (85 % full), then restart it: \"now\"",
    "blanks": "  a  ",
}  # fmt: skip


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    for token in MARKDOWN.parse(text):
        found += [token, *(token.children or [])]
    return found


def shown(text: str) -> str:
    """Return the text that a reader sees in a line."""
    return "".join(
        one.content if one.type in ("text", "code_inline", "text_special") else "\n" if "break" in one.type else ""
        for one in MARKDOWN.parseInline(text)[0].children or []
    )


@pytest.mark.parametrize("name", ATTACKS)
def test_every_text_is_only_displayed(name: str) -> None:
    text = ATTACKS[name]
    made = markdown(record(text), text)
    found = tokens(made)
    assert {one.type for one in found} <= {
        "heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "text", "softbreak",
        "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close", "strong_open", "strong_close",
        "code_inline", "fence", "text_special", "table_open", "table_close", "thead_open", "thead_close", "tr_open",
        "tr_close", "th_open", "th_close", "td_open", "td_close", "tbody_open", "tbody_close",
    }  # fmt: skip
    table = made.partition("\n## Steps\n\n")[2].partition("\n\n")[0]
    assert [len(re.findall(r"(?<!\\)\|", line)) for line in table.split("\n")] == [5] * 7
    assert sum(one.type == "tr_open" for one in found) == 6
    # A title, five sections, the details of the steps that have some, and the recording.
    assert [one.tag for one in found if one.type == "heading_open"] == ["h1", *["h2"] * 5, *["h3"] * 4, "h2"]
    assert all(is_clean(line) for line in made.split("\n"))
    # What ticket systems turn into mentions and references is in code.
    plain = " ".join(one.content for one in found if one.type == "text")
    assert not re.search(r"[@#]\w|!7|://|www\.|:tada:|~bug|\$4|%3|<|`", plain), plain


@pytest.mark.parametrize("name", ATTACKS)
def test_texts_are_complete(name: str) -> None:
    text = ATTACKS[name]
    made = markdown(record(text))
    name_shown = printable(text, 200)
    heading = next(line for line in made.split("\n") if line.startswith("### 1. "))
    assert shown(heading.removeprefix("### 1. ")) == name_shown
    row = next(line for line in made.split("\n") if line.startswith("| 1 |"))
    cells = [one.content for one in tokens(f"| a | b | c | d |\n|---|---|---|---|\n{row}\n") if one.type == "inline"]
    assert shown(cells[5]).strip() == name_shown.strip()


@settings(max_examples=60, deadline=None)
@given(st.text("`|\\ab <&*_[]()!@#\n:/-. \u202e\x1b", max_size=40))
def test_any_text_stays_in_its_place(text: str) -> None:
    made = markdown(replace(record("t"), steps=(step("1", text, output=f"{text}\nend", program=text),)))
    found = tokens(made)
    assert not any(one.type.startswith(("html", "link", "image", "hr", "blockquote", "ordered")) for one in found)
    assert sum(one.type == "tr_open" for one in found) == 2
    outputs = [one.content for one in found if one.type == "fence"]
    assert any(one.endswith("end\n") for one in outputs)


def test_it_has_what_a_ticket_needs() -> None:
    steps = (
        step("1", "look", output="line 1\nline 2", program="df -P\nuptime", said="exit status 0"),
        step("2", "see", action="expect", status="failed", said="never came", output="", screen=b"$ \x1b[1mx"),
        step("2", "mend", status="failed", said="the program ended", output="", program="exit 3"),
        step("3", "later", status="not run", output="", program="id", said=""),
        step("4", "ask", status="skipped", output="", said="its condition is false"),
    )
    made = markdown(replace(record("t"), steps=steps, runbook="Free some space"), "the run.cast")
    assert made.startswith("# Free some space\n")
    assert "- **Status:** ✗ failed\n" in made
    assert "| 1 | look | ✓ done | 0.5 s |" not in made  # the duration of the step is 1.25 s
    assert "| 1 | look | ✓ done | 1.2 s |" in made
    assert "| 4 | ask (its condition is false) | – skipped |  |" in made
    assert "Program:\n\n```sh\ndf -P\nuptime\n```" in made
    assert "Output:\n\n```text\nline 1\nline 2\n```" in made
    assert "Console after this step:\n\n```text\n$ x\n```" in made
    assert made.count("Console after") == 1
    assert "### 3. later" in made and "### 4." not in made
    assert "asciinema play 'the run.cast'" in made
    assert made.endswith("\n") and "\n\n\n" not in made


def test_it_fits_into_a_ticket() -> None:
    steps = tuple(step(str(at), "n", output="x" * 60_000 + "\nlast", program="y\n" * 9_000) for at in range(1, 13))
    made = markdown(replace(record("t"), steps=steps))
    assert len(made) <= 65_536
    assert made.count("\nlast\n") == 12
    assert "are left out" in made


@pytest.mark.parametrize("name", ["report.md", "REPORT.MD", "a.markdown", "r.html", "r"])
def test_the_file_name_selects_the_format(name: str, tmp_path: Path) -> None:
    program = f"echo '<b>' \"$pw\" {SECRET}; printf '\\033[31m|`\\033[0m\\n'; exit 1"
    path = write_runbook(
        tmp_path, f"  - {{name: 'use {SECRET}', run: {json.dumps(program)}}}", "parameters: {pw: {type: secret}}"
    )
    report = tmp_path / name
    done = run_sosagent("run", path, "--against", "lab", "-p", "pw=env:PW", "--report", report, PW=SECRET)
    assert done.status == 9
    text = report.read_text("utf-8")
    assert SECRET not in text
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert text.startswith("# try\n") is (name.lower().endswith(("md", "markdown")))
    assert text.startswith("<!doctype html>") is (not name.lower().endswith(("md", "markdown")))


def test_a_plan_is_shown_as_such(tmp_path: Path) -> None:
    report = tmp_path / "plan.md"
    done = run_sosagent("run", "boot-errors", "--dry-run", "--report", report)
    assert done.status == 0, done.err
    text = report.read_text("utf-8")
    assert "this was a dry run" in text and "· planned" in text
    assert "Output:" not in text
