"""The runbooks that come with sosagent, one file each. Each is tested on a real machine."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["NEW"]

#: The text that `sosagent runbook new` writes.
NEW = files(__package__).joinpath("new.yml.txt").read_text("utf-8")
