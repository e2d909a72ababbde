"""The help of the commands: its groups of options, its examples and exit statuses, and its layout."""
