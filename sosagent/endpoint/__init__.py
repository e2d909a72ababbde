"""Parses HOST, and handles an endpoint's own dialogue before the console opens."""
