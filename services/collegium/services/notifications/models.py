"""Wire models of notifications."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from collegium.domain.addresses import MAX_ADDRESS
from collegium.domain.destinations import MAX_URL
from collegium.domain.notifications import MAX_ADDRESSES, ChannelKind, DeliveryState, Topic
from collegium.services.jobs.models import Strict
from collegium.services.words import one_of

Address = Annotated[str, StringConstraints(max_length=MAX_ADDRESS + 10)]
Addresses = Annotated[list[Address], Field(max_length=MAX_ADDRESSES)]
#: Longer than any, so that the refusal is ours and does not quote it.
Url = Annotated[str, StringConstraints(max_length=MAX_URL * 2)]
Secret = Annotated[str, StringConstraints(max_length=512)]
TopicWord = Annotated[Topic, one_of(Topic)]
Topics = Annotated[list[TopicWord], Field(max_length=len(Topic))]


class ChannelIn(Strict):
    """Where notifications of a group go: e-mail addresses, a webhook, or an incoming webhook as Slack has it."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=63)] = Field(
        title="Name", description="`me` is taken: it is one's own address."
    )
    kind: Annotated[ChannelKind, one_of(ChannelKind)] = Field(title="Kind")
    addresses: Addresses = Field(default_factory=list, title="Addresses", description="Of an e-mail channel.")
    url: Url = Field(default="", title="URL", description="Of a webhook or Slack channel; kept sealed.")
    secret: Secret = Field(
        default="", title="Signing secret", description="Of a webhook: 16 characters or more; kept sealed."
    )
    events: Topics = Field(
        default_factory=list,
        title="Events",
        description="What the channel is told of in the whole group; jobs may name it beside that.",
    )
    enabled: bool = Field(default=True, title="Switched on")


class ChannelPatch(Strict):
    """What is left out stays; an empty secret takes it away."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=63)] | None = None
    addresses: Addresses | None = None
    url: Url | None = None
    secret: Secret | None = None
    events: Topics | None = None
    enabled: bool | None = None


class DeliveryOut(BaseModel):
    """One message: what became of it, and when it is tried next. ``id`` is what the receiver gets as its id."""

    id: str
    event: str
    object_id: str
    state: DeliveryState
    message: str
    attempts: int
    created_at: datetime
    next_at: datetime | None = None
    finished_at: datetime | None = None


class DeliveryPage(BaseModel):
    """A page of deliveries, the newest first."""

    items: list[DeliveryOut]
    next_cursor: str | None = None


class ChannelOut(BaseModel):
    """A channel. Those who may not change it see of its URL scheme and host, and its addresses shortened; a Slack URL
    and a secret are never shown."""

    name: str
    kind: ChannelKind
    addresses: list[str]
    url: str
    has_secret: bool
    events: list[Topic]
    enabled: bool
    created_by: str
    created_at: datetime
    updated_at: datetime
    last_delivery: DeliveryOut | None = None


class ChannelList(BaseModel):
    """The group's channels by name; ``mail`` says whether there is a server to send mail by."""

    items: list[ChannelOut]
    mail: bool


class OwnIn(Strict):
    """What one wants to hear of one's own jobs, schedules and sweeps, by mail."""

    address: Address = Field(
        default="", title="Address", description="Counts only where your account has none of its own."
    )
    events: Topics = Field(default_factory=list, title="Events")
    groups: list[Annotated[str, StringConstraints(max_length=30)]] | None = Field(
        default=None, max_length=1000, title="Groups", description="Only these; null is all."
    )
    enabled: bool = Field(default=True, title="Switched on", description="Off, no mail comes whoever asks for it.")


class OwnOut(BaseModel):
    """One's own settings. Mail goes to ``address``; ``from_account`` says that it is the account's, which is changed
    where accounts are. ``problem`` says why no mail comes at all, empty if it does."""

    address: str
    from_account: bool
    events: list[Topic]
    groups: list[str] | None
    enabled: bool
    problem: str
