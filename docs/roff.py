"""Write man pages: text, lists and Markdown as requests of man(7).

Only what groff and mandoc both know is used. A sentence begins a new line of the source, as man-pages(7) asks.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator

#: Characters that roff would show as others, or take for its own. A hyphen is one only between letters.
_CHARACTERS = {
    "\\": "\\e", "~": "\\(ti", "^": "\\(ha", "`": "\\(ga", "–": "\\(en", "—": "\\(em", "→": "\\(->", "…": "...",
    "’": "\\(aq", "“": "\\(dq", "”": "\\(dq",
}  # fmt: skip
_SENTENCE = re.compile(r"(?<=[a-z)\]/0-9A-Z*`][.?!]) +(?=[A-Z`(])")
#: Columns of the source. mandoc warns of lines of more than 80.
_SOURCE_WIDTH = 76
#: What must not be broken in a sentence: an option, another man page, a number with its unit, our program.
_WHOLE = re.compile(
    r"sos-addkey(?!\()|(?<![\w/.-])--?[A-Za-z][\w-]*|\b(?P<page>[a-z][\w.-]*)(?P<section>\(\d\))|\b\d+ (?:s|MiB)\b"
)
_SHORT_CODE = 20
#: Stands for a space that does not end a line; see `document`.
_FIXED = "\xa0"
_MARKDOWN = re.compile(
    r"(?P<code>``.+?``|`[^`]+`)|\*\*(?P<bold>.+?)\*\*|\[(?P<link>[^\]]+)\]\([^)]*\)|\\(?P<plain>[\\*_\[\]<|])"
)


def literal(text: str) -> str:
    """Return `text` as it must be copied: every hyphen is a minus sign, every quote is straight."""
    escaped = "".join(_CHARACTERS.get(char, char) for char in text)
    return _guarded(escaped.replace("-", "\\-").replace("'", "\\(aq").replace('"', "\\(dq"))


def prose(text: str) -> str:
    """Return a sentence. Options in it can be copied."""
    pieces, at = [], 0
    for match in _WHOLE.finditer(text):
        whole = bold(match["page"]) + match["section"] if match["page"] else literal(match[0]).replace(" ", _FIXED)
        pieces += [_prose(text[at : match.start()]), whole]
        at = match.end()
    return _guarded("".join([*pieces, _prose(text[at:])]))


def _prose(text: str) -> str:
    text = "".join(_CHARACTERS.get(char, char) for char in text)
    # An apostrophe inside a word may be a typographic one; quotes around a word may not.
    return re.sub(r"(?<!\w)'|'(?!\w)", "\\\\(aq", text).replace('"', "\\(dq")


def _guarded(text: str) -> str:
    return f"\\&{text}" if text.startswith((".", "'")) else text


def sentences(text: str, convert: Callable[[str], str] = prose) -> list[str]:
    """Return a paragraph as lines of the source. Each sentence begins a line."""
    return [line for one in _SENTENCE.split(" ".join(text.split())) for line in wrapped(convert(one))]


def wrapped(text: str) -> list[str]:
    """Return text that is roff already as lines of the source."""
    lines = textwrap.wrap(text, _SOURCE_WIDTH, break_long_words=False, break_on_hyphens=False)
    return [_guarded(line) for line in lines]


def document(lines: Iterable[str]) -> str:
    """Return the lines of a page as the text of the file."""
    return "\n".join(lines).replace(_FIXED, "\\ ") + "\n"


def bold(text: str) -> str:
    """Return words that are typed as they are."""
    return f"\\fB{literal(text)}\\fR"


def italic(text: str) -> str:
    """Return words that stand for others."""
    return f"\\fI{literal(text)}\\fR"


def synopsis(form: str) -> str:
    """Return the words behind a command's name: names of values in italics, words that are typed in bold."""
    return re.sub(r"--?[a-z-]+|[A-Z]+", lambda word: (italic if word[0].isupper() else bold)(word[0]), form)


def listed(items: Iterable[tuple[str, list[str]]]) -> Iterator[str]:
    """Yield the lines of a list: a label, which is roff already, and the lines of its text."""
    for label, lines in items:
        yield from (".TP", label, *lines)


def example(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines that are shown as they are, indented."""
    yield from (".RS 2", ".EX", *(literal(line.rstrip()) for line in lines), ".EE", ".RE")


# -- Markdown ---------------------------------------------------------------------------------


def inline(text: str) -> str:
    """Return a piece of Markdown without its line breaks."""
    pieces, at = [], 0
    for match in _MARKDOWN.finditer(text):
        pieces += [prose(text[at : match.start()]).removeprefix("\\&"), _marked(match)]
        at = match.end()
    return _guarded("".join([*pieces, prose(text[at:]).removeprefix("\\&")]))


def _marked(match: re.Match[str]) -> str:
    if match["code"]:
        code = match["code"].strip("`").strip()
        return bold(code).replace(" ", _FIXED) if len(code) <= _SHORT_CODE else bold(code)
    if match["bold"]:
        return f"\\fB{prose(match['bold'])}\\fR"
    return inline(match["link"]) if match["link"] else prose(match["plain"])


def blocks(text: str) -> list[str]:
    """Return the blocks of a Markdown page: headings, paragraphs, tables, lists and fenced code, no comments."""
    found: list[list[str]] = [[]]
    fenced = False
    for line in re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL).splitlines():
        if line.startswith("```"):
            if not fenced:
                found.append([])
            fenced = not fenced
            found[-1].append(line)
            if not fenced:
                found.append([])
        elif fenced or line.strip():
            found[-1].append(line)
        else:
            found.append([])
    return ["\n".join(one) for one in found if one]


def markdown(block: str, *, first: bool) -> Iterator[str]:
    """Yield the lines for a block other than a heading.

    Args:
        block: the block.
        first: whether it follows a heading, where .PP has no effect.
    """
    start = [] if first else [".PP"]
    if block.startswith("```"):
        yield from (*start, *example(block.splitlines()[1:-1]))
    elif block.startswith("|"):
        yield from listed(_table(block))
    elif block.startswith("- "):
        items = re.split(r"^- ", block, flags=re.MULTILINE)[1:]
        for item in items:
            yield from (".IP \\(bu 2", *sentences(item, inline))
    else:
        yield from (*start, *sentences(block, inline))


def _table(block: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the rows: the first cell as the label, the others as text."""
    header, _, *rows = ([cell.strip() for cell in _cells(line)] for line in block.splitlines())
    for first, *others in rows:
        cells = dict(zip(header[1:], others, strict=True))
        if set(cells) >= {"type", "meaning"}:
            default = cells.get("default", "")
            note = {"": "", "required": "Required."}.get(default, f"Default: {default}.")
            yield f"{inline(first)} ({inline(cells['type'])})", sentences(f"{cells['meaning']} {note}".strip(), inline)
        elif len(cells) == 1:
            yield inline(first), sentences(others[0], inline)
        else:
            yield inline(first), [line for name, cell in cells.items() for line in _named(name, cell)]


def _named(name: str, cell: str) -> list[str]:
    return [*sentences(f"{name[:1].upper()}{name[1:]}: {cell}".rstrip(".") + ".", inline), ".br"]


def _cells(line: str) -> list[str]:
    return [cell.replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
