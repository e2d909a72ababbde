"""The man pages in man/: up to date, without warnings, complete, and readable at 80 columns."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib

import pytest

from docs.command_line import commands_and_groups
from docs.man_pages import MAN, man_pages
from docs.roff import blocks, document, example, inline, literal, markdown, prose, sentences, synopsis

FILES = sorted(MAN.glob("man*/*"))
_RENDERED = ("sos-addkey", "sosagent", "sosagent-exec", "sosagent-completion-install")
NAMES = [str(path) for path in FILES]
#: Pages of other packages that ours refer to.
_OTHERS = {"ssh(1)", "sshd(8)"}


def test_the_man_pages_are_up_to_date() -> None:
    wanted = {str(path): text for path, text in man_pages().items()}
    found = {str(path.relative_to(MAN)): path.read_text("utf-8") for path in FILES}
    assert found == wanted, "run: python -m docs"


def test_there_is_a_page_for_each_command_and_format() -> None:
    names = {f"man1/{name.replace(' ', '-')}.1" for name, _ in commands_and_groups()}
    formats = {"man5/sosagent-machines.toml.5", "man5/sosagent-runbook.5"}
    assert {str(path) for path in man_pages()} == names | formats | {"man1/sos-addkey.1"}


def test_mandoc_finds_nothing_wrong() -> None:
    done = subprocess.run(["mandoc", "-Tlint", *NAMES], capture_output=True, text=True)
    assert (done.stdout, done.stderr, done.returncode) == ("", "", 0)


def test_groff_prints_no_warnings() -> None:
    """This is what `man --warnings` runs, without the time that it takes for each page."""
    command = ["groff", "-Kutf8", "-man", "-Tutf8", "-ww", "-z", *NAMES]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_man_prints_no_warnings() -> None:
    files = [path for path in FILES if path.stem in _RENDERED or path.suffix == ".5"]
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}
    done = subprocess.run(["man", "--warnings", "-l", *files], capture_output=True, env=environment, check=True)
    assert done.stderr == b""
    heads = [text.strip().splitlines()[-1] for text in f"\n{done.stdout.decode()}".split("\nNAME\n")[:-1]]
    assert len(heads) == len(files) == len(_RENDERED) + 2
    assert [head for head in heads if re.fullmatch(r"(\S+\(\d\)) .*(?<=\s)\1", head) is None] == []


@pytest.mark.parametrize("width", [60, 80])
def test_the_pages_fit(width: int) -> None:
    """Only examples may be wider than the terminal, and only on a narrow one."""
    command = ["mandoc", "-Tutf8", "-O", f"width={width},indent=5", *NAMES]
    text = re.sub(r".\x08", "", subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode())
    wide = [line for line in text.splitlines() if len(line) > width and not line.startswith("       ")]
    assert wide == []
    assert max(map(len, text.splitlines())) <= 80
    # A name must not be broken at its hyphens, nor an option.
    assert re.search(r"sosagent-$|--\w+-$", text, re.MULTILINE) is None


def test_each_page_has_all_sections() -> None:
    for path in FILES:
        text = path.read_text("utf-8")
        sections = re.findall(r"^\.SH (.*)$", text, re.MULTILINE)
        assert sections[:3] == ["NAME", "SYNOPSIS", "DESCRIPTION"] and sections[-1] == "SEE ALSO", path.name
        assert len(sections) == len(set(sections))
        name = text.partition(".SH NAME\n")[2].partition(".SH")[0].replace("\n", " ").replace("\\-", "-")
        # One sentence, without a capital: the database of man pages has a line for each.
        assert re.fullmatch(rf"{re.escape(path.stem)} - [a-z][^.]+ ", name), name
        if path.suffix == ".1" and ".SH COMMANDS" not in text:
            assert {"OPTIONS", "EXIT STATUS", "EXAMPLES"} <= set(sections), path.name


def test_each_reference_leads_to_a_page() -> None:
    names = {f"{path.stem}({path.suffix[1:]})" for path in FILES}
    for path in FILES:
        text = path.read_text("utf-8").replace("\\-", "-")
        references = {"".join(one) for one in re.findall(r"\\fB([\w.-]+)\\fR(\(\d\))", text)}
        assert references <= names | _OTHERS, path.name
        assert f"{path.stem}({path.suffix[1:]})" not in references, path.name


def test_the_wheel_contains_the_pages() -> None:
    project = tomllib.loads((MAN.parent / "pyproject.toml").read_text("utf-8"))
    shared = project["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    assert shared == {MAN.name: "share/man"}
    assert {path.parent.name for path in FILES} == {"man1", "man5"}


# -- roff -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "roff"),
    [
        ("--dry-run", "\\-\\-dry\\-run"),
        (".ssh/id_*.pub", "\\&.ssh/id_*.pub"),
        ("'a' \"b\"", "\\(aqa\\(aq \\(dqb\\(dq"),
        ("'", "\\(aq"),
        (r"a\b ~ ^ `", "a\\eb \\(ti \\(ha \\(ga"),
    ],
)
def test_what_is_copied_is_exact(text: str, roff: str) -> None:
    assert literal(text) == roff


@pytest.mark.parametrize(
    ("text", "roff"),
    [
        ("a so-called job, with --dry-run or -n", "a so-called job, with \\-\\-dry\\-run or \\-n"),
        ("the machine's 'x'", "the machine's \\(aqx\\(aq"),
        ("see sosagent-machines.toml(5).", "see \\fBsosagent\\-machines.toml\\fR(5)."),
        (".ssh is a folder", "\\&.ssh is a folder"),
        ("completes sos-addkey", "completes sos\\-addkey"),
        ("at most 10 s more", "at most 10\xa0s more"),
        ("/a-b/c-d, x-y.pub and - too", "/a-b/c-d, x-y.pub and - too"),
    ],
)
def test_sentences_can_be_copied_too(text: str, roff: str) -> None:
    assert prose(text) == roff


def test_a_sentence_begins_a_line() -> None:
    assert sentences("One. Two (a.b). Three? Of 3.5 s. e.g. this.") == [
        "One.", "Two (a.b).", "Three?", "Of 3.5\xa0s. e.g. this.",
    ]  # fmt: skip
    long = sentences("word " * 40)
    assert max(map(len, long)) <= 76 and len(long) > 2
    assert sentences("x" * 75 + " .ssh") == ["x" * 75, "\\&.ssh"]


@pytest.mark.parametrize(
    ("text", "roff"),
    [
        ("`a-b` and **c**", "\\fBa\\-b\\fR and \\fBc\\fR"),
        ("[the `x`](y.md#z) here", "the \\fBx\\fR here"),
        ("``a`b``", "\\fBa\\(gab\\fR"),
        ("`{{ a }}`", "\\fB{{\xa0a\xa0}}\\fR"),
        ("a\\_b \\| c", "a_b | c"),
        ("`.x`", "\\fB\\&.x\\fR"),
    ],
)
def test_markdown_in_a_line(text: str, roff: str) -> None:
    assert inline(text) == roff


def test_markdown_blocks() -> None:
    table = "| a | b |\n|---|---|\n| `x` | y\\|z |"
    found = blocks(f"# A\n<!-- x\ny -->\ntext\nmore\n\n```sh\na\n\n.b\n```\n- one\n  two\n- three\n\n{table}\n")
    assert found == ["# A\ntext\nmore", "```sh\na\n\n.b\n```", "- one\n  two\n- three", table]
    assert list(markdown(found[1], first=True)) == [".RS 2", ".EX", "a", "", "\\&.b", ".EE", ".RE"]
    assert list(markdown(found[2], first=False)) == [".IP \\(bu 2", "one two", ".IP \\(bu 2", "three"]
    assert list(markdown(found[3], first=False)) == [".TP", "\\fBx\\fR", "y|z"]
    assert list(markdown("a b", first=False)) == [".PP", "a b"]


@pytest.mark.parametrize(
    ("cells", "lines"),
    [
        ("| `a` | text | required | Meaning. |", [".TP", "\\fBa\\fR (text)", "Meaning.", "Required."]),
        ("| `a` | `x` | `y` | Meaning. |", [".TP", "\\fBa\\fR (\\fBx\\fR)", "Meaning.", "Default: \\fBy\\fR."]),
        ("| `a` | text |  | Meaning. |", [".TP", "\\fBa\\fR (text)", "Meaning."]),
    ],
)
def test_a_table_of_keys(cells: str, lines: list[str]) -> None:
    assert list(markdown(f"| key | type | default | meaning |\n|---|---|---|---|\n{cells}", first=True)) == lines


def test_a_synopsis() -> None:
    assert synopsis("[OPTIONS] HOST -- COMMAND [ARG...]") == (
        "[\\fIOPTIONS\\fR] \\fIHOST\\fR \\fB\\-\\-\\fR \\fICOMMAND\\fR [\\fIARG\\fR...]"
    )
    assert synopsis("--script FILE") == "\\fB\\-\\-script\\fR \\fIFILE\\fR"


def test_a_fixed_space_is_written_at_the_end() -> None:
    assert document(["a\xa0b", *example(["c"])]) == "a\\ b\n.RS 2\n.EX\nc\n.EE\n.RE\n"
