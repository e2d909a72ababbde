"""From HOST to a verified shell on the machine, and back."""
