"""Archives as people bring them, read without trust: in threads, by pieces, in memory that does not grow with them."""
