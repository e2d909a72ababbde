"""The authorized_keys file on the machine: what it holds, what is added, removed and repaired."""
