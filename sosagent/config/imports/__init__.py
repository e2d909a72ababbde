"""Machines from what people have: ssh_config, an Ansible inventory, conserver.cf. Text in, values out; no I/O."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, cast, get_args

from ...errors import UsageError
from ...printable import printable
from .ansible import of_ansible
from .conserver import of_conserver
from .imported import Imported
from .ssh_config import of_ssh_config

__all__ = ["Format", "Imported", "checked_format", "format_of", "import_machines"]

Format = Literal["ssh", "ansible", "conserver"]

_LOOKS: dict[Format, str] = {
    "conserver": r"(?m)^\s*console\s+\S+\s*\{",
    "ssh": r"(?im)^\s*Host(?:\s+|\s*=\s*)\S",
    "ansible": r"\A\s*\{|(?m:^\s*\[[^\]]+\]\s*(?:#.*)?$)",
}

_READ: dict[Format, Callable[[str], Imported]] = {
    "ssh": of_ssh_config,
    "ansible": of_ansible,
    "conserver": of_conserver,
}


def format_of(text: str, name: str) -> Format:
    """What a file is, by its contents and its name.

    Raises:
        UsageError: that cannot be told, or it is one that is not read.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and line.strip()[0] not in "#;"]
    shown = printable(name, 200)
    if not lines:
        raise UsageError(f"{shown} is empty: there is nothing to import")
    if name.endswith((".yml", ".yaml")) or text.startswith("---") or re.fullmatch(r"[\w.-]+:(?:\s*#.*)?", lines[0]):
        raise UsageError(
            "an inventory in YAML is not read here", hint="Run ansible-inventory -i FILE --list > x.json, import that."
        )
    for form, pattern in _LOOKS.items():
        if re.search(pattern, text):
            return form
    if len(lines) > 1 and all(re.fullmatch(r"[\w.:-]+", line) for line in lines):
        raise UsageError(
            f"{shown} is a plain list of names: it does not say where their consoles are",
            hint="Write NAME sos_console=HOST in each line, and import that with --from ansible.",
        )
    raise UsageError(
        f"{shown} looks like none of the files that machines are imported from",
        hint=f"Say which it is with --from: {', '.join(get_args(Format))}.",
    )


def import_machines(text: str, form: Format) -> Imported:
    """Read the machines of a file.

    Raises:
        UsageError: it is not such a file.
    """
    return _READ[form](text)


def checked_format(text: str) -> Format:
    """The format that is called `text`.

    Raises:
        UsageError: none is.
    """
    if text not in get_args(Format):
        raise UsageError(f"--from is {' or '.join(get_args(Format))}, not {printable(text, 60)!r}")
    return cast(Format, text)
