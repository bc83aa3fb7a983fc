"""``make bench-parity``: how far right servers and servers with a fault are from the reference, by dtype."""
