"""Notifications: channels of groups, what people want to hear themselves, and the outbox that sends it."""
