"""From any console state to a shell prompt, and back."""
