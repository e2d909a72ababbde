"""The verified shell: what runs on the machine arrived intact, or does not run."""
