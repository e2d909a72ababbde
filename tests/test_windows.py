"""Everything except the lab must work without the modules that Windows does not have."""

from __future__ import annotations

import subprocess
import sys

_MISSING = "pwd", "grp", "pty", "tty", "termios", "fcntl", "resource", "pexpect", "ptyprocess"
_PROGRAM = f"""
import sys, asyncssh, platformdirs, typer, rich.console  # they know themselves what they may use
for name in {_MISSING}:
    sys.modules[name] = None  # its import fails
import sosagent, sosagent.blocking, sosagent.cli.main, sosagent.transports.ssh
import sosagent.jobs.add_key, sosagent.jobs.keys, sosagent.jobs.host_keys, sosagent.jobs.state
import sosagent.cli.remote_keys, sosagent.cli.hostkeys
print("imported")
"""


def test_everything_but_the_lab_is_imported_without_what_only_unix_has() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("imported\n", "")
