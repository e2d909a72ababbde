"""A task for Nornir: add a key to each host of an inventory, through its console. Nornir brings the threads.

Run:  pip install sosagent nornir
      SOS_PASSWORD_FILE=root.password python nornir_task.py ~/.ssh/id_ed25519.pub web1-sos web2-sos

Here the inventory is made of the hosts that are named; in yours, a host's `console` says where its console is.
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
    """Add `key` on this host; changed if it was not there."""
    from nornir.core.task import Result

    try:
        done = sosagent.blocking.add_key(task.host["console"], key, password=password)
    except sosagent.SosError as error:  # else Nornir logs a traceback
        return Result(task.host, result=f"{error} {error.hint}", failed=True)
    return Result(task.host, result=f"{done.status} {done.file}", changed=done.status == "added")


def inventory(hosts: list[str]) -> Nornir:
    """A Nornir of these consoles, eight at a time."""
    from nornir.core import Nornir
    from nornir.core.inventory import Defaults, Groups, Host, Hosts, Inventory
    from nornir.plugins.runners import ThreadedRunner

    listed = Hosts({name: Host(name=name, data={"console": name}) for name in hosts})
    return Nornir(inventory=Inventory(listed, Groups(), Defaults()), runner=ThreadedRunner(num_workers=8))


def main(keyfile: str, hosts: list[str]) -> int:
    """Run the task; 1 if a host failed."""
    password = sosagent.find_password(file=Path(os.environ["SOS_PASSWORD_FILE"]))
    done = inventory(hosts).run(task=add_key, key=Path(keyfile).read_text(), password=password)
    for name, results in done.items():
        first = results[0]
        print(f"{name}  {'FAILED' if first.failed else 'ok'}  {first.result}")
    return 1 if done.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
