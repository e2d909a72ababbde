"""The user's machines.toml, and importing machines into it."""
