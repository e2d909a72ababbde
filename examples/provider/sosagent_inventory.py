"""HOST ``inventory:NAME``: a machine from a CSV file. The variable SOS_INVENTORY is the path of the file.

name,console,hostname,keys
web1,web1@sos.example.net:2200,web-1,/srv/keys/web.pub
"""

from __future__ import annotations

import csv
import os
from pathlib import Path

from sosagent import ProviderReference, TargetInvalid, UsageError, parse_target
from sosagent.providers import Located, Provider


class Inventory(Provider):
    """Finds machines by name in a file. A real provider would await the reply of an API."""

    async def locate(self, name: str) -> Located:
        """Return the console from the file, and the machine's name, which the console must show."""
        row = self._row(name)
        target = parse_target(row["console"])
        if isinstance(target, ProviderReference):
            raise TargetInvalid(f"the console of {name} in the inventory is not an endpoint: {target}")
        return Located(target, hostname=row["hostname"] or None, note=f"{name} is in the inventory")

    async def keys(self, name: str) -> str:
        """Return the keys that the machine should have, for KEYFILE ``inventory:``."""
        return Path(self._row(name)["keys"]).read_text(encoding="utf-8")

    def _row(self, name: str) -> dict[str, str]:
        path = os.environ.get("SOS_INVENTORY")
        if path is None:
            raise UsageError("inventory: needs the variable SOS_INVENTORY", hint="Set it to the path of a CSV file.")
        try:
            with Path(path).open(encoding="utf-8", newline="") as opened:
                rows = [{**row} for row in csv.DictReader(opened) if row["name"] == name]
        except (OSError, KeyError) as error:
            raise UsageError(f"the inventory {path} cannot be read: {error}") from None
        if not rows:
            raise TargetInvalid(f"no machine {name} in the inventory {path}")
        return rows[0]
