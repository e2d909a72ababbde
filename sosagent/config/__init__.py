"""The user's machines.toml, and what can be imported into it."""
