"""The console by hand: the user's terminal connected to the machine's console."""
