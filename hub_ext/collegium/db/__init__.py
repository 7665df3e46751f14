"""The store: desired state and history. Nothing outside this package sees a connection, a session or a table."""

from collegium.db.engine import Database, UnitOfWork

__all__ = ["Database", "UnitOfWork"]
