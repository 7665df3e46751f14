"""Secrets of groups: kept sealed, named in jobs, and never told again."""
