"""An interactive session on a machine's console: escape commands, a filtered screen, a recording. Needs Unix."""
