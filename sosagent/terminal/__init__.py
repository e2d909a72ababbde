"""Terminal bytes to meaning. No room here does I/O or knows a clock: bytes go in, values come out."""
