"""From terminal bytes to console states. These modules do no I/O and use no clock: bytes in, values out."""
