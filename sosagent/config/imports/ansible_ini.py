"""Read an Ansible inventory in INI format, as ansible-core 2.19 reads it (plugins/inventory/ini.py). No I/O."""

from __future__ import annotations

import ast
import re
import shlex
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from ...errors import UsageError
from ...printable import printable
from .host_patterns import expand, split_port
from .inventory import Inventory, Unsafe

__all__ = ["MAX_HOSTS", "read_ini"]

MAX_HOSTS = 10_000
_MAX_VALUE = 4096  # characters of a value that are read as Python
_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_CHILD = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")


def read_ini(text: str, name: str, note: Callable[[str, int], None]) -> Inventory:
    """Return the contents of an inventory in INI format.

    Args:
        text: the file's contents.
        name: its name, for messages.
        note: called with a remark and its line.

    Raises:
        UsageError: Ansible would refuse the file; the message names the line.
    """
    reader = _Reader(name, note)
    for number, line in enumerate(text.splitlines(), 1):
        reader.number = number
        line = line.strip()
        if line and line[0] not in "#;":
            reader.read(line)
    return reader.finished()


class _Reader:
    """Reads one line after the other.

    Fields:
        inventory: what has been read.
        number: the line that is read.
    """

    def __init__(self, name: str, note: Callable[[str, int], None]) -> None:
        self.inventory = Inventory()
        self.number = 0
        self._name, self._note = name, note
        self._group, self._read_item = "ungrouped", self._read_hosts
        #: Groups that a host section or a section of children has declared.
        self._declared = {"all", "ungrouped"}
        #: Groups that must be declared: the line that names them, and how.
        self._named: dict[str, tuple[int, str]] = {}

    def read(self, line: str) -> None:
        """Read a line that is not a comment."""
        section = _SECTION.fullmatch(line)
        if section is None:
            if line[0] == "[" and line[-1] == "]":
                self._refuse(f"invalid section {printable(line, 60)}")
            self._read_item(line)
            return
        kinds = {"hosts": self._read_hosts, "vars": self._read_variable, "children": self._read_child}
        self._group, kind = section[1], section[2] or "hosts"
        if kind not in kinds:
            self._refuse(f"unknown kind of section {printable(line, 60)}")
        self._read_item = kinds[kind]
        if kind == "vars":
            self._named.setdefault(self._group, (self.number, f"[{self._group}:vars]"))
        else:
            self._declared.add(self._group)
            self.inventory.members.setdefault(self._group, set())

    def finished(self) -> Inventory:
        """Return the inventory, if it is complete."""
        for group, (number, where) in self._named.items():
            if group not in self._declared:
                self.number = number
                self._refuse(f"{printable(where, 80)} names the group {printable(group, 60)}, which does not exist")
        if (group_in_itself := self.inventory.loop()) is not None:
            raise UsageError(f"{self._name}: the group {printable(group_in_itself, 60)} contains itself")
        return self.inventory

    def _read_hosts(self, line: str) -> None:
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            self._refuse(f"{str(error).lower()}: {printable(line, 60)}")
        pattern, port = split_port(words[0])
        if (words[0].rstrip().endswith(":") and port is None) or pattern.strip() in ("", "---"):
            self._refuse(f"{printable(words[0], 60)!r} is not the name of a host")
        variables: dict[str, Any] = {}
        for word in words[1:]:
            key, equals, value = word.partition("=")
            if not equals:
                self._refuse(f"{printable(word, 60)!r} is not an assignment KEY=VALUE")
            variables[key] = _value(value)
        try:
            count = sum(self._add(host, port, variables) for host in expand(pattern, MAX_HOSTS))
        except ValueError as error:
            self._refuse(f"{printable(pattern, 60)} is not a valid range: {error}")
        if not count:
            self._note(f"the range {printable(pattern, 60)} contains no host", self.number)

    def _add(self, host: str, port: int | None, variables: dict[str, Any]) -> int:
        inventory = self.inventory
        if not host:
            self._refuse("the name of a host is empty")
        if host not in inventory.hosts:
            # As in Ansible, a port counts only where the host is named first.
            inventory.hosts[host] = {"ansible_port": port} if port else {}
            inventory.lines[host] = self.number
            if len(inventory.hosts) > MAX_HOSTS:
                self._refuse(f"more than {MAX_HOSTS} hosts")
        inventory.members.setdefault(self._group, set()).add(host)
        for key, value in variables.items():
            self._set(host, key, value)
        return 1

    def _read_variable(self, line: str) -> None:
        key, equals, value = line.partition("=")
        if not equals:
            self._refuse(f"{printable(line, 60)!r} is not an assignment KEY=VALUE")
        self._set(self._group, key.strip(), _value(value.strip()))

    def _read_child(self, line: str) -> None:
        match = _CHILD.fullmatch(line)
        if match is None:
            self._refuse(f"{printable(line, 60)!r} is not the name of a group")
        self._named.setdefault(match[1], (self.number, f"[{self._group}:children]"))
        self.inventory.children.setdefault(self._group, set()).add(match[1])

    def _set(self, entity: str, key: str, value: Any) -> None:
        """Set a variable of a group, or else of the host of that name."""
        is_group = entity in self._declared or entity in self._named or entity not in self.inventory.hosts
        owner = self.inventory.variables if is_group else self.inventory.hosts
        owner.setdefault(entity, {})[key] = value
        try:
            self.inventory.check_priority(entity)
        except (ValueError, TypeError):
            self._refuse(f"{printable(str(value), 60)!r} is not a priority")

    def _refuse(self, why: str) -> NoReturn:
        raise UsageError(
            f"{self._name}:{self.number}: {why}",
            hint="Ansible refuses this file as well. Correct the line; `ansible-inventory -i FILE --list` checks it.",
        )


def _value(text: str) -> Any:
    """Return a value as Ansible reads it: a literal of Python, or else the text itself."""
    if len(text) > _MAX_VALUE:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an escape in the text that Python does not know
            value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    if isinstance(value, complex) or value is ...:
        return "..." if value is ... else str(value)
    return Unsafe(value.decode("utf-8", "surrogateescape")) if isinstance(value, bytes) else value
