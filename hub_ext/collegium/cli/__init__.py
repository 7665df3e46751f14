"""The ``collegium`` command."""
