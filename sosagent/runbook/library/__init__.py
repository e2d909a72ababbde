"""The runbooks that come with sosagent: each is a file here, and tested on a real machine."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["NEW"]

#: What `sosagent runbook new` makes.
NEW = files(__package__).joinpath("new.yml.txt").read_text("utf-8")
