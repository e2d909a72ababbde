"""`python -m sosagent`: run the command when the folder of scripts is not on the path."""

from __future__ import annotations

from .cli.main import main

main()
