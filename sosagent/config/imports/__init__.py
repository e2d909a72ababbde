"""Import machines from ssh_config, an Ansible inventory or conserver.cf. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, cast, get_args

from ...errors import UsageError
from ...printable import printable
from .ansible import from_ansible
from .conserver import from_conserver
from .imported import Imported, Skipped
from .source import Source
from .ssh_config import from_ssh_config

__all__ = ["Format", "Imported", "Skipped", "Source", "checked_format", "detect_format", "import_machines"]

Format = Literal["ssh", "ansible", "conserver"]

_PATTERNS: dict[Format, str] = {
    "conserver": r"(?im)^\s*(?:console|default|access|config|group|break|task)\b[^\n{]*\{",
    "ssh": r"(?im)^\s*\"?Host\"?(?:\s+|\s*=\s*)\S",
    "ansible": r"\A\s*\{|(?m:^\s*\[[^\]]+\]\s*(?:#.*)?$)|(?m:^[^#;\n]*\s(?:sos_console|ansible_host)\s*=)",
}

_READERS: dict[Format, Callable[[Source], Imported]] = {
    "ssh": from_ssh_config,
    "ansible": lambda source: from_ansible(source.text, source.name),
    "conserver": from_conserver,
}


def detect_format(text: str, name: str) -> Format:
    """Return the format of a file, from its contents and its name.

    Raises:
        UsageError: the format is unknown or not supported.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and line.strip()[0] not in "#;"]
    shown = printable(name, 200)
    if not lines:
        raise UsageError(f"{shown} is empty: nothing to import")
    if name.endswith((".yml", ".yaml")) or text.startswith("---") or re.fullmatch(r"[\w.-]+:(?:\s*#.*)?", lines[0]):
        raise UsageError(
            f"{shown} is an inventory in YAML, which is not supported",
            hint="Run ansible-inventory -i FILE --list > x.json, and import x.json.",
        )
    for form, pattern in _PATTERNS.items():
        if re.search(pattern, text):
            return form
    if len(lines) > 1 and all(re.fullmatch(r"[\w.:-]+", line) for line in lines):
        raise UsageError(
            f"{shown} is a plain list of names, without their consoles",
            hint="Write NAME sos_console=HOST in each line, and import it with --from ansible.",
        )
    raise UsageError(f"cannot detect the format of {shown}", hint=f"Set it with --from: {', '.join(get_args(Format))}.")


def import_machines(source: Source | str, form: Format) -> Imported:
    """Read the machines of a file.

    Args:
        source: the file, or its contents.
        form: its format.

    Raises:
        UsageError: the file does not have this format; the message names the line.
    """
    return _READERS[form](Source("the file", source) if isinstance(source, str) else source)


def checked_format(text: str) -> Format:
    """Return `text` as a `Format`, after checking that it is one.

    Raises:
        UsageError: there is no such format.
    """
    if text not in get_args(Format):
        raise UsageError(f"--from must be {' or '.join(get_args(Format))}, not {printable(text, 60)!r}")
    return cast(Format, text)
