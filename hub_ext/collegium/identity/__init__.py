"""Joining an identity provider: its settings, which of its groups are ours, and what is believed of its people."""
