"""A Nornir task that adds a key to each host of an inventory through its console. Nornir provides the threads.

Run:  pip install sosagent nornir
      SOS_PASSWORD_FILE=root.password python nornir_task.py ~/.ssh/id_ed25519.pub web1-sos web2-sos

This example builds the inventory from its arguments. In your inventory, set `console` in the data of each host.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import sosagent
import sosagent.blocking

if TYPE_CHECKING:
    from nornir.core import Nornir
    from nornir.core.task import Result, Task


def add_key(task: Task, key: str, password: sosagent.Secret) -> Result:
    """Add `key` to this host. The result is `changed` if the key was not there before."""
    from nornir.core.task import Result

    try:
        added = sosagent.blocking.add_key(task.host["console"], key, password=password)
    except sosagent.SosError as error:  # an exception would make Nornir log a traceback
        return Result(task.host, result=f"{error} {error.hint}", failed=True)
    return Result(task.host, result=f"{added.status} {added.file}", changed=added.status == "added")


def inventory(hosts: list[str]) -> Nornir:
    """Return a Nornir that works on these consoles, eight at a time."""
    from nornir.core import Nornir
    from nornir.core.inventory import Defaults, Groups, Host, Hosts, Inventory
    from nornir.plugins.runners import ThreadedRunner

    listed = Hosts({name: Host(name=name, data={"console": name}) for name in hosts})
    return Nornir(inventory=Inventory(listed, Groups(), Defaults()), runner=ThreadedRunner(num_workers=8))


def main(keyfile: str, hosts: list[str]) -> int:
    """Run the task, and return 1 if a host failed."""
    password = sosagent.find_password(file=Path(os.environ["SOS_PASSWORD_FILE"]))
    done = inventory(hosts).run(task=add_key, key=Path(keyfile).read_text(), password=password)
    for name, results in done.items():
        first = results[0]
        print(f"{name}  {'FAILED' if first.failed else 'ok'}  {first.result}")
    return 1 if done.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
