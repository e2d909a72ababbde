"""What HOST means, and how endpoints talk before the console is there."""
