"""Shared files of groups: browsed, read, written, moved, thrown away and brought back."""
