"""The command ``collegium``; nothing of the library needs it."""
