"""One job each, on a verified shell."""
