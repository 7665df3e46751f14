"""Invitations over HTTP: links into a group, made by its admins, used by whoever holds one."""
