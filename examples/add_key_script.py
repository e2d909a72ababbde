"""Add a key from a script, without asyncio.

Run:  SOS_PASSWORD_FILE=root.password python add_key_script.py web1-sos ~/.ssh/id_ed25519.pub
"""

import os
import sys
from pathlib import Path

import sosagent
import sosagent.blocking

host, keyfile = sys.argv[1:]
password = sosagent.find_password(file=Path(os.environ["SOS_PASSWORD_FILE"]))
try:
    result = sosagent.blocking.add_key(host, Path(keyfile).read_text(), password=password)
except sosagent.SosError as error:
    sys.exit(f"{error}\n{error.hint}")
print(result.status, result.file, "on", result.hostname)
