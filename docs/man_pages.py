"""Generate the man pages in man/ from the commands and from the pages of this documentation.

Run:  python -m docs
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from docs.command_line import commands_and_groups
from docs.generated import DOCS
from docs.roff import (
    blocks,
    bold,
    document,
    example,
    inline,
    italic,
    listed,
    literal,
    markdown,
    prose,
    sentences,
    synopsis,
    wrapped,
)
from sosagent import __version__
from sosagent.cli.app import addkey_app
from sosagent.cli.help.groups import OWN
from sosagent.cli.help.layout import command_lines
from sosagent.cli.help.page import Entry, Page, page_of

MAN = DOCS.parent / "man"
#: Of the last change of the wording.
_DATE = "2026-11-28"
#: The title between the names in the first line. Beside longer names there is no room for it.
_MANUAL, _LONGEST_WITH_MANUAL = "sosagent", 21
_EXAMPLE_WIDTH = 51  # with the indent, 60 columns
_MACHINES, _RUNBOOK = "sosagent-machines.toml", "sosagent-runbook"

#: An option -> a variable of the environment that matters to commands with this option, and its meaning.
_ENVIRONMENT = (
    ("--password-file", "SOS_PASSWORD", "The machine's password, if neither an option nor the machines file names a "
     "source of it."),
    ("--config", "SOSAGENT_CONFIG", "The machines file, if --config does not name one."),
    ("--identity", "SSH_AUTH_SOCK", "Your SSH agent, whose keys are offered to the endpoint."),
    ("--verbose", "NO_COLOR", "If it is set, progress and help are shown without colours and bold text."),
    ("--version", "COLUMNS", "The width of the help, from 40 to 100; by default that of the terminal."),
)  # fmt: skip
_FILES = (
    ("--config", "~/.config/sosagent/machines.toml", f"Your machines; see {_MACHINES}(5)."),
    ("--ssh-config", "~/.ssh/config", "Settings for SSH endpoints, such as the user and the identity."),
    ("--known-hosts", "~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts", "The trusted host keys of SSH endpoints."),
)
#: A man page that commands with this option refer to.
_RELATED = (("--config", f"{_MACHINES}(5)"), ("--against", f"{_RUNBOOK}(5)"), ("--identity", "ssh(1)"))


@dataclass(frozen=True)
class _Format:
    """A man page about the format of a file.

    Fields:
        name: of the man page.
        summary: for its first line.
        synopsis: the file, as users write it.
        source: the page of the documentation.
        left_out: headings of the sections that are not about the format.
        see_also: other man pages.
    """

    name: str
    summary: str
    synopsis: str
    source: str
    left_out: tuple[str, ...]
    see_also: tuple[str, ...]


FORMATS = (
    _Format(
        _MACHINES,
        "names and settings of machines for sosagent",
        "~/.config/sosagent/machines.toml",
        "howto/machines.md",
        ("Complete names with the Tab key",),
        ("sos-addkey(1)", "sosagent(1)", "sosagent-machines(1)"),
    ),
    _Format(
        _RUNBOOK,
        "format of the runbooks of sosagent",
        "NAME.yml",
        "reference/runbooks.md",
        (),
        ("sosagent(1)", "sosagent-run(1)", "sosagent-runbook(1)", "sosagent-replay(1)"),
    ),
)


def man_pages() -> dict[Path, str]:
    """Return all man pages: the path below man/, and the text."""
    commands = {page.man_page: page for page in _pages()}
    pages = {Path("man1") / f"{name}.1": document(_command(page, set(commands))) for name, page in commands.items()}
    return pages | {Path("man5") / f"{one.name}.5": document(_format(one)) for one in FORMATS}


def write() -> None:
    """Bring the files in man/ up to date."""
    pages = man_pages()
    for path in MAN.glob("man*/*"):
        if path.relative_to(MAN) not in pages:
            path.unlink()
    for name, text in pages.items():
        (MAN / name).parent.mkdir(parents=True, exist_ok=True)
        (MAN / name).write_text(text, "utf-8")


def _pages() -> Iterator[Page]:
    yield page_of("sos-addkey", typer.main.get_command(addkey_app()))
    for name, command in commands_and_groups():
        yield page_of(name, command)


# -- commands ---------------------------------------------------------------------------------


def _command(page: Page, names: set[str]) -> Iterator[str]:
    yield from _head(page.man_page, "1", _small(page.summary))
    yield ".SH SYNOPSIS"
    for at, form in enumerate(page.usage):
        yield from ([".br"] if at else [])
        yield f"{bold(page.name)} {synopsis(form)}"
    yield from _paragraphs("DESCRIPTION", page.paragraphs)
    if page.topics:
        yield ".SH COMMANDS"
        for title, rows in page.topics:
            yield from ([f".SS {prose(title)}"] if len(page.topics) > 1 else [])
            for word, meaning in rows:
                reference = f"{page.man_page}-{word}(1)"
                yield from listed([(_reference(reference), sentences(f"{meaning}."))])
    if page.arguments:
        yield from (".SH ARGUMENTS", *_entries(page.arguments))
    yield ".SH OPTIONS"
    for title, entries in page.groups:
        yield from ([f".SS {prose(title)}"] if title != OWN else [])
        yield from _entries(entries)
    if page.notes.statuses:
        yield ".SH EXIT STATUS"
        yield from listed((bold(number), sentences(meaning)) for number, meaning in page.notes.statuses)
    yield from _section("ENVIRONMENT", _that_apply(page, _ENVIRONMENT))
    yield from _section("FILES", _that_apply(page, _FILES))
    if page.notes.examples:
        yield ".SH EXAMPLES"
        for one in page.notes.examples:
            lines = example(command_lines(one.command, _EXAMPLE_WIDTH, 0))
            yield from listed([(f"{prose(one.purpose)}:", list(lines))])
    yield from _see_also(_references(page, names), page.notes.read_on)


def _entries(entries: Iterable[Entry]) -> Iterator[str]:
    return listed((_label(one), sentences(one.meaning)) for one in entries)


def _label(entry: Entry) -> str:
    if not entry.names[0].startswith("-"):
        return italic(entry.names[0])
    names = ", ".join(map(bold, entry.names))
    # Fixed words are typed as they are.
    value = bold(entry.value) if entry.value.islower() else italic(entry.value)
    return f"{names} {value}" if entry.value else names


def _that_apply(page: Page, rows: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    everything = page.name == "sosagent"
    return [(name, meaning) for option, name, meaning in rows if everything or page.has_option(option)]


def _section(title: str, rows: list[tuple[str, str]]) -> Iterator[str]:
    if rows:
        yield f".SH {title}"
        yield from listed((bold(name), sentences(meaning)) for name, meaning in rows)


def _references(page: Page, names: set[str]) -> set[str]:
    """Return the man pages to see also: of the group above, of the commands below, and of related ones."""
    above, _, _ = page.name.rpartition(" ")
    found = {f"{one.replace(' ', '-')}(1)" for one in (above or "sosagent", *page.notes.see_also)}
    if page.name.endswith("addkey"):
        found |= {"sos-addkey(1)", "sshd(8)"}
    if page.name.startswith("sosagent machines"):
        found.add(f"{_MACHINES}(5)")
    if page.name.startswith(("sosagent runbook", "sosagent replay")):
        found.add(f"{_RUNBOOK}(5)")
    if page.name == "sosagent":
        found |= {"sos-addkey(1)", f"{_MACHINES}(5)", f"{_RUNBOOK}(5)"}
    found |= {reference for option, reference in _RELATED if page.has_option(option)}
    return found - {f"{page.man_page}(1)"}


# -- formats ----------------------------------------------------------------------------------


def _format(one: _Format) -> Iterator[str]:
    yield from _head(one.name, "5", one.summary)
    yield from (".SH SYNOPSIS", italic(one.synopsis), ".SH DESCRIPTION")
    first, shown = True, True
    for block in blocks((DOCS / one.source).read_text("utf-8")):
        level, _, title = block.partition(" ")
        if set(level) == {"#"}:
            shown = title not in one.left_out
            first = True
            if shown and level == "##":
                yield f".SH {prose(title).upper()}"
            elif shown and level == "###":
                yield f".SS {inline(title)}"
        elif shown:
            yield from markdown(block, first=first)
            first = False
    yield from _see_also(set(one.see_also), (one.source,))


# -- both -------------------------------------------------------------------------------------


def _head(name: str, section: str, summary: str) -> Iterator[str]:
    yield '.\\" Generated by docs/man_pages.py: change the program or the documentation instead.'
    manual = _MANUAL if len(name) <= _LONGEST_WITH_MANUAL else ""
    yield f'.TH {literal(name.upper())} {section} {_DATE} "sosagent {__version__}" "{manual}"'
    # Neither hyphenation nor wide gaps: most words are names. The register is groff's; its macros undo .nh.
    yield from (".nr HY 0", ".nh", ".ad l", ".SH NAME", *wrapped(f"{literal(name)} \\- {prose(summary)}"))


def _small(sentence: str) -> str:
    """Return a sentence as the summary of a man page: without a capital and without a full stop."""
    return f"{sentence[:1].lower()}{sentence[1:]}".rstrip(".")


def _paragraphs(title: str, paragraphs: Iterable[str]) -> Iterator[str]:
    yield f".SH {title}"
    for at, one in enumerate(paragraphs):
        yield from ([".PP"] if at else [])
        yield from sentences(one)


def _see_also(references: set[str], read_on: Iterable[str]) -> Iterator[str]:
    yield ".SH SEE ALSO"
    ordered = sorted(references, key=lambda one: (one[-2], one))
    yield from (_reference(one) + ("," if at + 1 < len(ordered) else "") for at, one in enumerate(ordered))
    pages = ", ".join(italic(f"docs/{one}") for one in read_on)
    if pages:
        yield from (".PP", *wrapped(f"In the documentation of sosagent: {pages}."))


def _reference(page: str) -> str:
    name, _, section = page.partition("(")
    return f"{bold(name)}({section}"
