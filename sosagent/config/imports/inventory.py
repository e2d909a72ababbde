"""The contents of an Ansible inventory: hosts, groups, and which variable of a host takes precedence. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

__all__ = ["Inventory", "Unsafe"]

_BUILT_IN_GROUPS = ("all", "ungrouped")
_PRIORITY = "ansible_group_priority"


class Unsafe(str):
    """A text in which Ansible evaluates no template."""


@dataclass
class Inventory:
    """Hosts and groups as ansible-core 2.19 understands them (inventory/group.py, inventory/host.py, vars/manager.py).

    Fields:
        hosts: the variables of each host.
        variables: the variables of each group.
        members: the hosts in each group, without those of its children.
        children: the groups in each group.
        lines: the line that first names a host.
    """

    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)
    children: dict[str, set[str]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def groups_of(self, host: str) -> list[str]:
        """Return the groups of a host, those of its groups included, by name."""
        return sorted(self._with_parents(host) - set(_BUILT_IN_GROUPS))

    def values(self, host: str) -> Mapping[str, Any]:
        """Return the variables of a host: its own before those of its groups, a deeper group before its parents."""
        # Every host without another group is in `ungrouped`, and no other host is.
        own = self._with_parents(host) - {"ungrouped"} or {"ungrouped"}
        groups = sorted(own, key=lambda group: (self._depths.get(group, 1), self._priority(group), group))
        merged: dict[str, Any] = {}
        for variables in (*(self.variables.get(group, {}) for group in ("all", *groups)), self.hosts[host]):
            merged |= variables
        if _PRIORITY not in self.hosts[host]:
            merged.pop(_PRIORITY, None)  # it is no variable of the hosts in the group
        return merged

    def check_priority(self, group: str) -> None:
        """Check that the priority of a group, if it is set, is a number.

        Raises:
            ValueError, TypeError: it is not.
        """
        self._priority(group)

    def loop(self) -> str | None:
        """Return a group that contains itself, directly or through its children, or None."""
        if any("all" in children for children in self.children.values()):
            return "all"
        done: set[str] = set()
        for start in self.children:
            path: list[tuple[str, list[str]]] = [(start, sorted(self.children[start]))]
            on_path = {start}
            while path:
                group, rest = path[-1]
                if not rest:
                    path.pop()
                    on_path.discard(group)
                    done.add(group)
                    continue
                child = rest.pop()
                if child in on_path:
                    return child
                if child not in done:
                    on_path.add(child)
                    path.append((child, sorted(self.children.get(child, ()))))
        return None

    def _priority(self, group: str) -> int:
        return int(self.variables.get(group, {}).get(_PRIORITY, 1))

    def _with_parents(self, host: str) -> set[str]:
        groups: set[str] = set()
        near = set(self._groups_by_host.get(host, ()))
        while near:
            groups |= near
            near = {parent for group in near for parent in self._parents.get(group, ())} - groups
        return groups - {"all"}

    # The relations in the other direction, computed once the inventory is complete.

    @cached_property
    def _groups_by_host(self) -> dict[str, list[str]]:
        return _reversed(self.members)

    @cached_property
    def _parents(self) -> dict[str, list[str]]:
        return _reversed(self.children)

    @cached_property
    def _depths(self) -> dict[str, int]:
        """The length of the longest path from `all` to each group."""
        depths: dict[str, int] = {}
        waiting = [*self.members, *self.children, *self.variables, *self._parents]
        while waiting:  # without recursion: an inventory can be deep
            group = waiting[-1]
            parents = [one for one in self._parents.get(group, ()) if one != "all"]
            unknown = [] if group in depths else [one for one in parents if one not in depths]
            if unknown:
                waiting += unknown
                continue
            waiting.pop()
            depths[group] = 1 + max((depths[one] for one in parents), default=0)
        return depths


def _reversed(relation: Mapping[str, set[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for left, rights in relation.items():
        for right in rights:
            found.setdefault(right, []).append(left)
    return found
