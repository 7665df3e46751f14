"""Uploads: files that come in pieces, over hours if need be, and are visible only when they are complete."""
