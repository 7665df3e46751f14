"""What a handler declares of each of its methods: the policy row, and what goes in and comes out."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from collegium.domain.policy import POLICY, Operation

JSON = "application/json"
EVENT_STREAM = "text/event-stream"


class Query(BaseModel):
    """Base of query strings: text that is read as numbers where numbers are wanted; unknown names are refused."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Header:
    """A header that means something to us, for the description."""

    name: str
    description: str
    pattern: str = ""


@dataclass(frozen=True)
class Endpoint:
    """One method of one path.

    ``response`` None means another media type than JSON; ``accepts`` are those of the body, where text may stand for
    the model; ``errors`` are statuses beyond those that every such operation has.
    """

    operation: Operation
    summary: str
    response: type[BaseModel] | None = None
    status: int = 200
    body: type[BaseModel] | None = None
    accepts: tuple[str, ...] = (JSON,)
    #: May the body be left out?
    optional: bool = False
    #: Media type of a body that is taken as it comes, such as a file's content.
    raw: str = ""
    query: type[BaseModel] | None = None
    headers: tuple[Header, ...] = ()
    answers: tuple[Header, ...] = ()
    media: tuple[str, ...] = (JSON,)
    errors: tuple[int, ...] = ()

    @property
    def public(self) -> bool:
        """True if no token is needed."""
        rule = POLICY[self.operation]
        return rule.scope is None and rule.role is None and not rule.platform
