"""Import from an Ansible inventory: an INI file, or the output of ``ansible-inventory --list``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...errors import UsageError
from ...printable import printable
from .imported import Imported, split_words

__all__ = ["from_ansible"]

#: Variables of a host for its console; the first that is set is used.
_CONSOLES = ("sos_console", "console")
_BUILT_IN_GROUPS = ("all", "ungrouped")
_MAX_HOSTS = 10_000
_SSH_PORT = 22
#: A range in brackets contains colons, too.
_WITH_PORT = re.compile(r"((?:[^\[\]:]|\[[^\]]*\])+):([0-9]{1,5})")
_RANGE = re.compile(r"\[([0-9]{1,9}|[A-Za-z]):([0-9]{1,9}|[A-Za-z])(?::([0-9]{1,4}))?\]")


@dataclass
class _Inventory:
    """The contents of an inventory.

    Fields:
        hosts: the variables of each host.
        variables: the variables of each group.
        members: the hosts in each group.
        children: the groups in each group.
    """

    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    children: dict[str, set[str]] = field(default_factory=dict)

    def groups_of(self, host: str) -> list[str]:
        """Return the groups of a host, those with precedence first: nearer ones, then by name."""
        groups: list[str] = []
        near = sorted((group for group, hosts in self.members.items() if host in hosts), reverse=True)
        while near:
            groups += near
            parents = {group for group, children in self.children.items() if children & set(near)}
            near = sorted(parents - set(groups), reverse=True)
        return [group for group in groups if group not in _BUILT_IN_GROUPS]

    def value(self, host: str, name: str) -> Any:
        """Return a variable of a host: its own, or that of its nearest group; None if it is not set."""
        for variables in (self.hosts[host], *map(self._group_variables, (*self.groups_of(host), "all"))):
            if name in variables:
                return variables[name]
        return None

    def _group_variables(self, group: str) -> dict[str, Any]:
        return self.variables.get(group, {})


def from_ansible(text: str) -> Imported:
    """Return the machines of an inventory, without those that have no variable for the console.

    Raises:
        UsageError: the text is not an inventory.
    """
    inventory = _from_json(text) if text.lstrip().startswith("{") else _from_ini(text)
    imported = Imported()
    for host in inventory.hosts:
        values = (inventory.value(host, name) for name in _CONSOLES)
        console = next((value for value in values if value is not None), None)
        if console is None:
            imported.skip(host, f"no console; set the variable {_CONSOLES[0]}")
            continue
        console = re.sub(r"\{\{\s*inventory_hostname\s*\}\}", host, str(console))
        if "{{" in console:
            imported.skip(host, "its console contains a template; ansible-inventory --list may fill it in")
            continue
        machine: dict[str, Any] = {"console": console, "groups": sorted(inventory.groups_of(host))}
        if address := _address(inventory, host):
            machine["address"] = address
        imported.add(host, machine)
    return imported


def _address(inventory: _Inventory, host: str) -> str | None:
    """Return the address of the host's sshd as HOST or HOST:PORT; None if it is not set, or contains a template."""
    address, port = inventory.value(host, "ansible_host"), str(inventory.value(host, "ansible_port") or "")
    number = int(port) if re.fullmatch(r"[0-9]{1,5}", port) else _SSH_PORT
    if address is None and number != _SSH_PORT:
        address = host
    if not isinstance(address, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:]+", address):
        return None
    if number == _SSH_PORT or not 0 < number < 65536:
        return address
    return f"[{address}]:{number}" if ":" in address else f"{address}:{number}"


def _from_json(text: str) -> _Inventory:
    try:
        data = json.loads(text)
        inventory = _Inventory()
        inventory.hosts.update({str(host): dict(variables) for host, variables in data["_meta"]["hostvars"].items()})
        for group, fields in data.items():
            if group == "_meta":
                continue
            fields = fields if isinstance(fields, dict) else {"hosts": fields}
            inventory.members[group] = set(fields.get("hosts", ()))
            inventory.children[group] = set(fields.get("children", ()))
            inventory.variables[group] = dict(fields.get("vars", {}))
            for host in fields.get("hosts", ()):
                inventory.hosts.setdefault(host, {})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UsageError("the file is not the output of ansible-inventory --list") from None
    return inventory


def _from_ini(text: str) -> _Inventory:
    inventory = _Inventory()
    group, kind = "ungrouped", ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        section = re.fullmatch(r"\[([^\]:]+)(?::(vars|children|hosts))?\]\s*(?:#.*)?", line)
        if section is not None:
            group, kind = section[1].strip(), section[2] or ""
        elif kind == "vars":
            name, _, value = line.partition("=")
            inventory.variables.setdefault(group, {})[name.strip()] = value.strip().strip("\"'")
        elif kind == "children":
            inventory.children.setdefault(group, set()).add(line.partition("#")[0].strip())
        else:
            words = split_words(line)
            name = words[0] if words else ""
            variables = {}
            if (match := _WITH_PORT.fullmatch(name)) is not None:
                name, variables = match[1], {"ansible_port": match[2]}
            variables |= dict(word.partition("=")[::2] for word in words[1:])
            for host in _expand_range(name, number):
                inventory.members.setdefault(group, set()).add(host)
                inventory.hosts.setdefault(host, {}).update(variables)
                if len(inventory.hosts) > _MAX_HOSTS:
                    raise UsageError(f"line {number}: more than {_MAX_HOSTS} hosts")
    return inventory


def _expand_range(pattern: str, number: int) -> Iterator[str]:
    """Yield web01, web02 and web03 for ``web[01:03]``."""
    match = _RANGE.search(pattern)
    if match is None:
        if pattern:
            yield pattern
        return
    first, last, step = match[1], match[2], int(match[3] or 1)
    if first.isdigit() != last.isdigit() or step == 0:
        raise UsageError(f"line {number}: {printable(match[0], 40)} is not a valid range")
    if first.isdigit():
        width = len(first) if first.startswith("0") else 0
        parts = (str(one).zfill(width) for one in range(int(first), int(last) + 1, step))
    else:
        parts = (chr(one) for one in range(ord(first), ord(last) + 1, step))
    for part in parts:
        yield from _expand_range(pattern[: match.start()] + part + pattern[match.end() :], number)
