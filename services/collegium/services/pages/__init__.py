"""The page that people see at the root of the service."""
