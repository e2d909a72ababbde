"""The authorized_keys file on the machine: its contents, and how keys are added, removed and repaired."""
