"""Runbooks: files of steps that run on a machine through its console, are checked before use, and leave a record."""
