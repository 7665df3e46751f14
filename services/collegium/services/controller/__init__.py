"""The one active process that makes the world follow the database."""
