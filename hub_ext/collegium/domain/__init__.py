"""What Collegium is about, in plain Python: no I/O, no framework, the standard library only."""
