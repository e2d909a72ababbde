"""The help of every command at every width, by the functions that lay it out."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from docs.command_line import commands, commands_and_groups
from docs.generated import DOCS
from sosagent.cli.app import addkey_app, sosagent_app
from sosagent.cli.conversion import convert_plainly
from sosagent.cli.help.groups import COMMANDS, HELP, OPTION_ORDER, OUTPUT, OWN, TOPIC_ORDER
from sosagent.cli.help.layout import help_text, short_help_text, width_of
from sosagent.cli.help.notes import NOTES, Example, Notes
from sosagent.cli.help.page import Entry, Page, page_of

from ..support.doc_blocks import parse

PAGES = {name: page_of(name, command) for name, command in commands_and_groups()}
LEAVES = [name for name, _ in commands()]

PAGE = Page(
    "tool do",
    ("[OPTIONS] HOST",),
    ("Do one thing.", "Every word of this paragraph is shown."),
    (Entry(("HOST",), "", "The machine."),),
    (
        (OWN, (Entry(("-n", "--dry-run"), "", "Show what would be done, and change nothing at all."),)),
        (HELP, (Entry(("--a-long-option",), "AND-ITS-VALUE", "Its meaning."),)),
    ),
    ((COMMANDS, (("list", "List things"),)),),
    Notes((Example("Do it", "tool do 'one machine' --dry-run"),), (("0", "Success."), ("130", "Stopped.")), ("a.md",)),
)

AT_60 = """\
Do one thing.

Usage:
  tool do [OPTIONS] HOST

Examples:
  Do it:
    tool do 'one machine' --dry-run

Every word of this paragraph is shown.

Commands:
  list  List things

Arguments:
  HOST  The machine.

Options:
  -n, --dry-run  Show what would be done, and change nothing
                 at all.

Help:
      --a-long-option AND-ITS-VALUE
                 Its meaning.

Exit status:
  0    Success.
  130  Stopped.

Read on: man tool-do, docs/a.md
"""

AT_40 = """\
Do one thing.

Usage:
  tool do [OPTIONS] HOST

Examples:
  Do it:
    tool do 'one machine' --dry-run

Every word of this paragraph is shown.

Commands:
  list  List things

Arguments:
  HOST  The machine.

Options:
  -n, --dry-run
      Show what would be done, and
      change nothing at all.

Help:
  --a-long-option AND-ITS-VALUE
      Its meaning.

Exit status:
  0    Success.
  130  Stopped.

Read on: man tool-do, docs/a.md
"""


@pytest.mark.parametrize(("columns", "text"), [(60, AT_60), (40, AT_40), (1, AT_40)])
def test_the_layout(columns: int, text: str) -> None:
    assert help_text(PAGE, columns) == text


def test_only_headings_are_bold() -> None:
    bold = help_text(PAGE, 60, bold=True)
    assert bold.replace("\x1b[1m", "").replace("\x1b[0m", "") == AT_60
    assert re.findall(r"\x1b\[1m(.*?)\x1b\[0m", bold) == [
        "Usage:", "Examples:", "Commands:", "Arguments:", "Options:", "Help:", "Exit status:",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "width"), [(-1, 40), (0, 40), (39, 40), (60, 60), (80, 80), (100, 100), (250, 100)]
)
def test_the_width(columns: int, width: int) -> None:
    assert width_of(columns) == width


@pytest.mark.parametrize("columns", [20, 40, 55, 56, 60, 72, 80, 100, 300])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    text = "".join(help_text(page, columns) + short_help_text(page, columns) for page in PAGES.values())
    # A word is never broken.
    wide = [line for line in text.splitlines() if len(line) > width_of(columns) and " " in line.strip(" \\")]
    assert wide == []
    assert all(line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_left_out_and_nothing_is_noise(name: str) -> None:
    page = PAGES[name]
    texts = {columns: " ".join(help_text(page, columns).split()) for columns in (40, 80)}
    for text in texts.values():
        assert text.isascii()  # for LANG=C
        for one in (*page.arguments, *(entry for _, entries in page.groups for entry in entries)):
            assert one.label in text and " ".join(one.meaning.split()) in text
        assert all(part in text for part in page.paragraphs)
        assert all(f" {word} {summary}" in text for _, rows in page.topics for word, summary in rows)
        assert re.search(r"<\w+>|\[default|\[required|\bNone\b|\.\.\.$", text) is None


def test_every_option_is_in_one_group_and_the_same_everywhere() -> None:
    by_name: dict[str, set[str]] = {}
    for page in PAGES.values():
        titles = [title for title, _ in page.groups]
        assert titles == sorted(titles, key=OPTION_ORDER.index)
        names = [one.names for _, entries in page.groups for one in entries]
        assert len(names) == len(set(names))
        if {*titles} - {OUTPUT, HELP} != {OWN}:  # few options are one group
            for title, entries in page.groups:
                for one in entries:
                    by_name.setdefault(one.names[-1], set()).add(title)
    # Of hostkeys, and of addkey.
    different = {name: titles for name, titles in by_name.items() if len(titles) > 1 and name != "--replace"}
    assert different == {}
    assert {by_name[name].pop() for name in ("--json", "--quiet", "--verbose")} == {OUTPUT}


def test_every_declared_group_is_in_the_order() -> None:
    for name, command in commands_and_groups():
        panels = {one.rich_help_panel for one in command.params if one.param_type_name == "option"}
        assert panels <= {None, *OPTION_ORDER}, name
        assert command.rich_help_panel in (None, *TOPIC_ORDER), name
    for name, command in commands_and_groups():
        listed = {word for _, rows in PAGES[name].topics for word, _ in rows}
        assert listed == set(getattr(command, "commands", ())), name


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_notes(name: str) -> None:
    notes = NOTES[name]
    assert notes.examples and notes.statuses and notes.read_on


def test_the_notes_name_only_what_exists() -> None:
    assert set(NOTES) <= set(PAGES)
    for name, notes in NOTES.items():
        assert [one for one in notes.read_on if not (DOCS / one).is_file()] == [], name
        assert set(notes.see_also) <= set(PAGES) and name not in notes.see_also
        assert set(notes.frequent) <= {word for _, rows in PAGES[name].topics for word, _ in rows}


def test_the_exit_statuses_are_those_of_the_errors_page() -> None:
    rows = re.findall(r"^\| (\d+) \|", (DOCS / "reference" / "errors.md").read_text("utf-8"), re.MULTILINE)
    for name, notes in NOTES.items():
        if name != "sosagent exec":
            numbers = [number for number, _ in notes.statuses]
            assert set(numbers) <= set(rows), name
            assert numbers == sorted(numbers, key=int), name


EXAMPLES = [(name, one.command) for name, notes in NOTES.items() for one in notes.examples]


@pytest.mark.parametrize(("name", "command"), EXAMPLES)
def test_the_examples_are_valid(name: str, command: str) -> None:
    inner = re.search(r"\$\((.*?)\)", command)
    words = shlex.split(inner[1] if inner else command)
    words = words[: words.index(">")] if ">" in words else words
    expected = ["sos-addkey"] if name == "sosagent addkey" else name.split()
    assert words[: len(expected)] == expected
    parse(words)


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_an_example_can_be_pasted_at_every_width(columns: int) -> None:
    for name, command in EXAMPLES:
        section = help_text(PAGES[name], columns).partition("Examples:\n")[2].partition("\n\n")[0]
        lines = section.replace("\\\n", "").splitlines()
        assert shlex.split(command) in [shlex.split(line) for line in lines if line.startswith("    ")], command


def test_an_option_is_only_shown_where_it_has_an_effect() -> None:
    shown = {name for name in LEAVES if PAGES[name].has_option("--user")}
    assert shown == {
        "sosagent addkey",
        "sosagent exec",
        "sosagent keys list",
        "sosagent keys audit",
        "sosagent keys remove",
    }


def test_every_command_has_both_help_options() -> None:
    root = typer.main.get_command(sosagent_app())
    convert_plainly(root)  # as the program does; it creates the help options
    commands = [root]
    for command in commands:
        option = command.get_help_option(typer.Context(command))
        assert option is not None and set(option.opts) == {"-h", "--help"}, command.name
        commands += getattr(command, "commands", {}).values()
    assert len(commands) == len(PAGES)


def test_sos_addkey_has_the_help_of_addkey() -> None:
    own = page_of("sos-addkey", typer.main.get_command(addkey_app()))
    assert own.usage == PAGES["sosagent addkey"].usage
    assert own.notes == PAGES["sosagent addkey"].notes
    assert own.groups == PAGES["sosagent addkey"].groups


def test_the_short_help_lists_frequent_commands() -> None:
    text = short_help_text(PAGES["sosagent"], 80)
    assert "Frequent commands:" in text and "addkey" in text and "completion" not in text
    assert text.endswith("All commands: sosagent help. More about a command: sosagent help COMMAND\n")
    assert len(text.splitlines()) < 20
    assert short_help_text(PAGES["sosagent keys"], 80).endswith("More about a command: sosagent help keys COMMAND\n")


def test_the_package_does_not_import_click() -> None:
    """typer has its own copy; a fresh installation has no other."""
    modules = Path(DOCS.parent / "sosagent").rglob("*.py")
    importing = [
        one for one in modules if re.search(r"^\s*(import|from) click\b", one.read_text("utf-8"), re.MULTILINE)
    ]
    assert importing == []
