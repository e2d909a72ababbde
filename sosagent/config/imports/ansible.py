"""Ansible's inventories: an INI file, or what ``ansible-inventory --list`` prints."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ...errors import UsageError
from ...printable import printable
from .imported import Imported, split

__all__ = ["of_ansible"]

#: Variables of a host that name its console, the first that is there.
_CONSOLES = ("sos_console", "console")
_EVERYBODY = ("all", "ungrouped")  # groups of Ansible's own
_MOST_HOSTS = 10_000
_SSH = 22
_WITH_PORT = re.compile(r"((?:[^\[\]:]|\[[^\]]*\])+):([0-9]{1,5})")  # a range in brackets has colons of its own
_RANGE = re.compile(r"\[([0-9]{1,9}|[A-Za-z]):([0-9]{1,9}|[A-Za-z])(?::([0-9]{1,4}))?\]")


@dataclass
class _Inventory:
    """Fields: variables of hosts and groups, hosts and groups that are in a group."""

    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    children: dict[str, set[str]] = field(default_factory=dict)

    def groups_of(self, host: str) -> list[str]:
        """Nearest first, and of those that are equally near, the one that wins."""
        found: list[str] = []
        near = sorted((group for group, hosts in self.members.items() if host in hosts), reverse=True)
        while near:
            found += near
            parents = {group for group, children in self.children.items() if children & set(near)}
            near = sorted(parents - set(found), reverse=True)
        return [group for group in found if group not in _EVERYBODY]

    def told(self, host: str, name: str) -> Any:
        """A variable of a host: its own, or that of its nearest group."""
        for variables in (self.hosts[host], *map(self._of, (*self.groups_of(host), "all"))):
            if name in variables:
                return variables[name]
        return None

    def _of(self, group: str) -> dict[str, Any]:
        return self.variables.get(group, {})


def of_ansible(text: str) -> Imported:
    """The machines of an inventory: only those for which a variable names the console.

    Raises:
        UsageError: it is none.
    """
    inventory = _of_json(text) if text.lstrip().startswith("{") else _of_ini(text)
    found = Imported()
    for host in inventory.hosts:
        console = next((told for name in _CONSOLES if (told := inventory.told(host, name)) is not None), None)
        if console is None:
            found.skipped.append((host, f"no console: give it the variable {_CONSOLES[0]}"))
            continue
        console = re.sub(r"\{\{\s*inventory_hostname\s*\}\}", host, str(console))
        if "{{" in console:
            found.skipped.append((host, "its console holds a template; ansible-inventory --list fills some in"))
            continue
        values: dict[str, Any] = {"console": console, "groups": sorted(inventory.groups_of(host))}
        if address := _address(inventory, host):
            values["address"] = address
        found.add(host, values)
    return found


def _address(inventory: _Inventory, host: str) -> str | None:
    """Where its sshd is: HOST or HOST:PORT; None where that is not told, or as a template."""
    address, port = inventory.told(host, "ansible_host"), str(inventory.told(host, "ansible_port") or "")
    number = int(port) if re.fullmatch(r"[0-9]{1,5}", port) else _SSH
    if address is None and number != _SSH:
        address = host
    if not isinstance(address, str) or not re.fullmatch(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:]+", address):
        return None
    if number == _SSH or not 0 < number < 65536:
        return address
    return f"[{address}]:{number}" if ":" in address else f"{address}:{number}"


def _of_json(text: str) -> _Inventory:
    try:
        data = json.loads(text)
        inventory = _Inventory()
        inventory.hosts.update({str(host): dict(told) for host, told in data["_meta"]["hostvars"].items()})
        for group, told in data.items():
            if group == "_meta":
                continue
            told = told if isinstance(told, dict) else {"hosts": told}
            inventory.members[group] = set(told.get("hosts", ()))
            inventory.children[group] = set(told.get("children", ()))
            inventory.variables[group] = dict(told.get("vars", {}))
            for host in told.get("hosts", ()):
                inventory.hosts.setdefault(host, {})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UsageError("that is not what ansible-inventory --list prints") from None
    return inventory


def _of_ini(text: str) -> _Inventory:
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
            words = split(line)
            name = words[0] if words else ""
            told = {}
            if (found := _WITH_PORT.fullmatch(name)) is not None:
                name, told = found[1], {"ansible_port": found[2]}
            told |= dict(word.partition("=")[::2] for word in words[1:])
            for host in _in_range(name, number):
                inventory.members.setdefault(group, set()).add(host)
                inventory.hosts.setdefault(host, {}).update(told)
                if len(inventory.hosts) > _MOST_HOSTS:
                    raise UsageError(f"line {number}: those are more than {_MOST_HOSTS} hosts")
    return inventory


def _in_range(pattern: str, number: int) -> Iterator[str]:
    """``web[01:03]`` is web01, web02 and web03."""
    found = _RANGE.search(pattern)
    if found is None:
        if pattern:
            yield pattern
        return
    first, last, step = found[1], found[2], int(found[3] or 1)
    if first.isdigit() != last.isdigit() or step == 0:
        raise UsageError(f"line {number}: {printable(found[0], 40)} is no range")
    if first.isdigit():
        width = len(first) if first.startswith("0") else 0
        every = (str(one).zfill(width) for one in range(int(first), int(last) + 1, step))
    else:
        every = (chr(one) for one in range(ord(first), ord(last) + 1, step))
    for one in every:
        yield from _in_range(pattern[: found.start()] + one + pattern[found.end() :], number)
