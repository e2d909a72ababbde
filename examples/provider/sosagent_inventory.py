"""HOST ``inventory:NAME``: a machine of the CSV file that the variable SOS_INVENTORY names.

name,console,hostname,keys
web1,web1@sos.example.net:2200,web-1,/srv/keys/web.pub
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

from sosagent import ProviderTarget, TargetInvalid, UsageError, parse_target
from sosagent.providers import Provider, Resolved


class Inventory(Provider):
    """Machines by their names in a file. A real one would ask an API instead, and await that."""

    async def resolve(self, rest: str) -> Resolved:
        """The console that the file names, and the machine's name, which the console must show."""
        row = self._row(rest)
        target = parse_target(row["console"])
        if isinstance(target, ProviderTarget):
            raise TargetInvalid(f"{rest} is no console in the inventory, but a machine elsewhere")
        return Resolved(target, hostname=row["hostname"] or None, note=f"{rest} is in the inventory")

    async def keys(self, rest: str) -> str:
        """The keys that the machine is to have, for KEYFILE ``inventory:``."""
        return Path(self._row(rest)["keys"]).read_text(encoding="utf-8")

    def _row(self, name: str) -> dict[str, str]:
        path = os.environ.get("SOS_INVENTORY")
        if path is None:
            raise UsageError("inventory: needs the variable SOS_INVENTORY", hint="It names a CSV file.")
        try:
            with Path(path).open(encoding="utf-8", newline="") as opened:
                rows = [{**row} for row in csv.DictReader(opened) if row["name"] == name]
        except (OSError, KeyError) as error:
            raise UsageError(f"the inventory {path} cannot be read: {error}") from None
        if not rows:
            raise TargetInvalid(f"the inventory {path} knows no machine {name}")
        return rows[0]
