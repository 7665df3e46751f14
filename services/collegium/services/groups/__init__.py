"""Groups over HTTP: who one is, what a group uses and offers, and the stream of changes."""
