"""Whom sshd lets in by AllowUsers, DenyUsers, AllowGroups and DenyGroups (auth.c, allowed_user; match.c). No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..keys.from_patterns import admits
from ..keys.host_patterns import matches_wildcards
from .server import Settings

__all__ = ["refused_by"]

#: A keyword in lower case, as ``sshd -T`` prints it, and its spelling in the manual.
_WRITTEN = {
    "denyusers": "DenyUsers", "allowusers": "AllowUsers", "denygroups": "DenyGroups", "allowgroups": "AllowGroups",
}  # fmt: skip


def refused_by(settings: Settings, user: str, groups: Sequence[str] | None) -> str:
    """Return the setting for which sshd refuses `user`, such as "AllowUsers alice"; empty if it does not.

    Args:
        settings: those of the user's connection.
        user: the user.
        groups: names of all groups of the user; None if unknown, so that the settings for groups are ignored.
    """
    address = settings.connection.address
    if any(_matches_user(user, address, pattern) for pattern in settings.all("denyusers")):
        return _shown(settings, "denyusers")
    allowed = settings.all("allowusers")
    if allowed and not any(_matches_user(user, address, pattern) for pattern in allowed):
        return _shown(settings, "allowusers")
    if groups is None:
        return ""
    if _matches_group(groups, settings.all("denygroups")):
        return _shown(settings, "denygroups")
    if settings.all("allowgroups") and not _matches_group(groups, settings.all("allowgroups")):
        return _shown(settings, "allowgroups")
    return ""


def _matches_user(user: str, address: str, pattern: str) -> bool:
    name, at, hosts = pattern.rpartition("@")
    if not at:
        return matches_wildcards(pattern, user)
    return matches_wildcards(name, user) and admits(hosts, address)


def _matches_group(groups: Iterable[str], patterns: Sequence[str]) -> bool:
    return any(matches_wildcards(pattern, group) for group in groups for pattern in patterns)


def _shown(settings: Settings, keyword: str) -> str:
    return f"{_WRITTEN[keyword]} {' '.join(settings.all(keyword))}"
