"""The ledger's key for a JupyterHub server."""

from __future__ import annotations


def server_workload(user: str, server_name: str) -> str:
    """``user/server``; the default server has an empty name. User names hold no slash."""
    return f"{user}/{server_name}"


def split_server_workload(workload_id: str) -> tuple[str, str]:
    """The inverse of ``server_workload``."""
    user, _, server = workload_id.partition("/")
    return user, server
