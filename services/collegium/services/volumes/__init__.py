"""Volumes of an installation as platform admins see them, and secrets that they keep for groups."""
