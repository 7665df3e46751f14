"""Schedules: work that a group has done at set times."""
