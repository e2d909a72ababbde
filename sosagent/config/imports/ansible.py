"""Import from an Ansible inventory: an INI file, or the output of ``ansible-inventory --list``."""

from __future__ import annotations

import json
import re
from bisect import bisect
from collections.abc import Mapping
from typing import Any

from ...errors import UsageError
from ...printable import printable
from .ansible_ini import read_ini
from .host_patterns import is_ip_address
from .imported import Imported
from .inventory import Inventory, Unsafe

__all__ = ["from_ansible"]

#: Variables of a host for its console; the first that is set is used.
_CONSOLES = ("sos_console", "console")
#: Variables for the address and the port of its sshd; the first that is set is used, as by Ansible's plugin `ssh`.
_HOSTS = ("ansible_ssh_host", "ansible_host")
_PORTS = ("ansible_ssh_port", "ansible_port")
_SSH_PORT = 22
_ADDRESS = re.compile(r"\[?([A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?)\]?")
_TEMPLATE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_MAX_REFERENCES = 10  # of a variable to a variable to a variable
_MAX_VALUE = 4096
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"\s*(:?)')


class _NotImported(ValueError):
    """A value that cannot be imported; the message says why."""


def from_ansible(text: str, name: str) -> Imported:
    """Return the machines of an inventory; those that have no variable for the console are skipped.

    Raises:
        UsageError: the text is not an inventory.
    """
    imported = Imported(name)
    inventory = _from_json(text, name) if text.lstrip().startswith("{") else read_ini(text, name, imported.note)
    for host in inventory.hosts:
        _add(imported, inventory, host)
    return imported


def _add(imported: Imported, inventory: Inventory, host: str) -> None:
    line = inventory.lines.get(host, 1)
    values = inventory.values(host)
    is_address = is_ip_address(host)
    values = {
        **values,
        "inventory_hostname": host,
        "inventory_hostname_short": host if is_address else host.partition(".")[0],
    }
    try:
        console = _first_of(values, _CONSOLES)
    except _NotImported as error:
        imported.skip(host, str(error), line)
        return
    if console is None:
        imported.skip(host, f"no console; set the variable {_CONSOLES[0]}", line)
        return
    name = host
    if is_address and ":" in host:
        name = re.sub(r"^-", "0-", host.replace(":", "-"))
        imported.note(f"{host} is imported as {name}: the name of a machine contains no colons", line)
    machine: dict[str, Any] = {"console": console, "groups": inventory.groups_of(host)}
    try:
        if address := _address(values, host, name):
            machine["address"] = address
    except _NotImported as error:
        imported.note(f"the address of {printable(host, 80)} is not imported: {error}", line)
    imported.add(name, machine, line, original=host)


def _address(values: Mapping[str, Any], host: str, name: str) -> str | None:
    """Return the address of the host's sshd as HOST or HOST:PORT; None if it is the host's name."""
    address, port = _first_of(values, _HOSTS), _first_of(values, _PORTS) or str(_SSH_PORT)
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise _NotImported(f"the port {printable(port, 40)!r} is invalid")
    if not address and int(port) == _SSH_PORT and name == host:
        return None
    match = _ADDRESS.fullmatch(address or host)
    if match is None:
        raise _NotImported(f"{printable(address or host, 80)!r} is not an address")
    if int(port) == _SSH_PORT:
        return match[1]
    return f"[{match[1]}]:{int(port)}" if ":" in match[1] else f"{match[1]}:{int(port)}"


def _first_of(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Return the first of some variables that is set, as text with its templates evaluated.

    Raises:
        _NotImported: it is no text, or contains a template that only Ansible can evaluate.
    """
    for name in names:
        if values.get(name) is not None:
            return _evaluated(name, values, (), {})
    return None


def _evaluated(name: str, values: Mapping[str, Any], path: tuple[str, ...], known: dict[str, str]) -> str:
    """Return a variable as text.

    Args:
        name: its name.
        values: the variables of the host.
        path: the variables that refer to it, one through the other.
        known: variables whose text is known, which is extended here.
    """
    value = values.get(name)
    if isinstance(value, Mapping) and "__ansible_vault" in value:
        raise _NotImported(f"{name} is encrypted with Ansible Vault")
    if value is None or isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise _NotImported(f"{name} is not set" if value is None else f"{name} is not text")
    if isinstance(value, Unsafe):
        return str(value)

    def replaced(match: re.Match[str]) -> str:
        if match[1] not in known:
            if match[1] in (*path, name) or len(path) == _MAX_REFERENCES:
                raise _NotImported(f"{name} contains a template that refers to itself")
            known[match[1]] = _evaluated(match[1], values, (*path, name), known)
        return known[match[1]]

    text = str(value)
    rest = _TEMPLATE.sub("", text)
    if "{{" in rest or "{%" in rest or "{#" in rest:
        raise _NotImported(f"{name} contains a template that only Ansible can evaluate; write the value itself")
    text = _TEMPLATE.sub(replaced, text)
    if len(text) > _MAX_VALUE:
        raise _NotImported(f"{name} is too long")
    return text


def _from_json(text: str, name: str) -> Inventory:
    inventory = Inventory()
    try:
        data = json.loads(text, object_hook=_marked)
        inventory.hosts.update({str(host): dict(variables) for host, variables in data["_meta"]["hostvars"].items()})
        for group, fields in data.items():
            if group == "_meta":
                continue
            fields = fields if isinstance(fields, dict) else {"hosts": fields}
            inventory.members[group] = set(map(str, fields.get("hosts", ())))
            inventory.children[group] = set(map(str, fields.get("children", ())))
            inventory.variables[group] = dict(fields.get("vars", {}))
            inventory.check_priority(group)
            for host in fields.get("hosts", ()):
                inventory.hosts.setdefault(host, {})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UsageError(
            f"{name} is not the output of ansible-inventory --list",
            hint="Run ansible-inventory -i INVENTORY --list > x.json, and import x.json.",
        ) from None
    if (group_in_itself := inventory.loop()) is not None:
        raise UsageError(f"{name}: the group {printable(group_in_itself, 60)} contains itself")
    inventory.lines = _lines_of(inventory.hosts, text)
    return inventory


def _marked(value: dict[str, Any]) -> Any:
    """Return the text that ansible-inventory marks as unsafe, without the mark."""
    unsafe = value.get("__ansible_unsafe")
    return Unsafe(unsafe) if isinstance(unsafe, str) and len(value) == 1 else value


def _lines_of(names: Mapping[str, object], text: str) -> dict[str, int]:
    """Return the line of the first key, or else of the first string, that is each name."""
    newlines = [match.start() for match in re.finditer("\n", text)]
    keys: dict[str, int] = {}
    strings: dict[str, int] = {}
    for match in _STRING.finditer(text):
        try:
            string = json.loads(f'"{match[1]}"')
        except ValueError:
            continue
        if string in names:
            (keys if match[2] else strings).setdefault(string, 1 + bisect(newlines, match.start()))
    return strings | keys
