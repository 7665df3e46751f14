"""Bases of the wire models."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """What is sent. A name that does not exist is an error here, before it is one of the server's.

    Only fields that were given are sent. Sizes and patterns are the server's business alone.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True, protected_namespaces=())


class Reply(BaseModel):
    """What comes back. Fields that a newer server adds are kept."""

    model_config = ConfigDict(extra="allow", populate_by_name=True, protected_namespaces=())
