"""What share links lead to: a page without a script, and the bytes of files, which are always saved and never shown."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import parse_qs, quote

from pydantic import Field

from collegium.domain.errors import Forbidden, NotAuthenticated, NotFound
from collegium.domain.files import MAX_PATH, EntryKind, Order, name_of, parent_of
from collegium.domain.groups import Actor
from collegium.domain.policy import Operation
from collegium.services.endpoint import Endpoint, Header, Query
from collegium.services.files.conditions import Conditions
from collegium.services.outgoing import send_file
from collegium.services.pages.base import LoginPage, Page
from collegium.services.shares.access import Opened, refused

#: Entries of a folder that a page lists.
LISTED = 200
_FORM = "application/x-www-form-urlencoded"
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


class ShareQuery(Query):
    """Where in a shared folder."""

    path: str = Field(default="", max_length=MAX_PATH)
    cursor: str | None = Field(default=None, max_length=8192)


class SharePageBase(Page):
    """Public in the policy table: who may open a link is decided by the link and the group's settings."""

    policy = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

    async def visitor(self) -> Actor | None:
        """Who is logged in, if anybody is. A token or cookie that is worth nothing counts for nobody."""
        try:
            return (await self.identify(None)).actor
        except (NotAuthenticated, Forbidden):
            return None

    async def opened(self, token: str) -> tuple[Opened, Actor | None]:
        """What the link leads to, and for whom. Raises NotFound."""
        access, key = self.context.share_access, self.get_cookie(self.cookie_of(token)) or ""
        access.require_ours(token)
        try:
            # What is open to everybody needs no hub that answers.
            return await access.open(token, None, key), None
        except NotFound:
            visitor = await self.visitor()
            if visitor is None:
                raise
        return await access.open(token, visitor, key), visitor

    @staticmethod
    def cookie_of(token: str) -> str:
        """A cookie for each link; its name holds the link's id and no more."""
        return f"collegium-{token.partition('.')[0][:40]}" if token.isascii() and token.isprintable() else "collegium"

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Whoever is not logged in may try again when they are."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None  # type: ignore[index]
        wants_page = "text/html" in self.request.headers.get("Accept", "")
        if isinstance(error, NotFound) and wants_page and self.path_kwargs.get("token"):
            self.set_status(404)
            token = quote(self.path_kwargs["token"], safe="")
            self.page("share_refused.html", message=error.message, token=token)
            return
        super().write_error(status_code, **kwargs)


class ShareHandler(SharePageBase):
    """``/share/{token}``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.SHARE_OPEN, "What a link leads to", query=ShareQuery, media=("text/html",)),
        "POST": Endpoint(Operation.SHARE_OPEN, "Say a link's password", media=("text/html",), errors=(429,)),
    }

    async def get(self, token: str) -> None:
        """The page."""
        query = self.read_query(ShareQuery)
        opened, visitor = await self.opened(token)
        if opened.locked:
            self._ask(token, opened, visitor, wrong=False)
            return
        await self.context.share_access.count(opened.share)
        await self._show(token, opened, query)

    async def post(self, token: str) -> None:
        """The password from the form; then the page again."""
        text, access = self.read_text(_FORM) or "", self.context.share_access
        fields = {name: values[-1] for name, values in parse_qs(text, max_num_fields=10).items()}
        visitor = await self.visitor() if "Authorization" in self.request.headers else None
        ticket, password = fields.get("ticket", ""), fields.get("password", "")
        key = await access.unlock(token, visitor, ticket, password, self.request.remote_ip or "")
        if key is None:
            self.set_status(403)
            self.page("share_password.html", token=quote(token, safe=""), ticket=ticket, wrong=True)
            return
        secure = self.request.protocol == "https"
        path = f"{self.context.prefix.rstrip('/')}/share/"
        self.set_cookie(self.cookie_of(token), key, path=path, httponly=True, secure=secure, samesite="Lax")
        self.redirect(quote(token, safe=""), status=303)

    def _ask(self, token: str, opened: Opened, visitor: Actor | None, *, wrong: bool) -> None:
        ticket = self.context.share_access.ticket(opened, visitor)
        self.page("share_password.html", token=quote(token, safe=""), ticket=ticket, wrong=wrong)

    async def _show(self, token: str, opened: Opened, query: ShareQuery) -> None:
        place, entry = await self.context.share_access.inside(opened, query.path)
        listed, after = [], None
        if entry.kind is EntryKind.FOLDER:
            found = await place.store.list(place.root, place.path, Order.NAME, False, query.cursor, LISTED)
            listed, after = list(found.entries), found.after
        below = query.path.strip("/")
        rows = [
            {
                "name": e.name,
                "folder": e.kind is EntryKind.FOLDER,
                "size": size_text(e.size),
                "path": _below(below, e.name),
            }
            for e in listed
        ]
        self.page(
            "share.html",
            token=quote(token, safe=""),
            title=name_of(below) or name_of(opened.share.path),
            top=name_of(opened.share.path),
            path=below,
            up=parent_of(below) if below else None,
            folder=entry.kind is EntryKind.FOLDER,
            size=size_text(entry.size),
            share=opened.share,
            rows=rows,
            after=after,
        )


class ShareContentHandler(SharePageBase):
    """``/share/{token}/content``."""

    endpoints: ClassVar = {
        "GET": Endpoint(
            Operation.SHARE_OPEN,
            "The bytes of a shared file",
            query=ShareQuery,
            headers=(Header("Range", "One byte range.", "^bytes=[0-9]{0,18}-[0-9]{0,18}$"),),
            media=("application/octet-stream",),
            errors=(206, 304, 416),
        )
    }

    async def get(self, token: str) -> None:
        """Download."""
        query, conditions = self.read_query(ShareQuery), Conditions.of(self.request.headers)
        opened, _ = await self.opened(token)
        if opened.locked:
            raise refused()
        place, _ = await self.context.share_access.inside(opened, query.path)
        async with place.store.open(place.root, place.path) as file:
            self.set_header("Content-Type", "application/octet-stream")
            name = quote(name_of(file.entry.path), safe="")
            self.set_header("Content-Disposition", f"attachment; filename*=UTF-8''{name}")
            self.set_header("ETag", f'"{file.entry.etag}"')
            self.set_header("Accept-Ranges", "bytes")
            if conditions.unchanged(file.entry):
                self.set_status(304)
                return
            span = conditions.span(file.entry)
            start, end = span or (0, file.entry.size)
            if span is not None:
                self.set_status(206)
                self.set_header("Content-Range", f"bytes {start}-{end - 1}/{file.entry.size}")
            if start == 0:
                await self.context.share_access.count(opened.share)
            await send_file(self, file, start, end)


class ShareLoginHandler(LoginPage):
    """``/share/{token}/login``: to the hub's login and back, whatever the link is worth."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.PAGE_READ, "Log in for a link", media=("text/html",))}

    async def get(self, token: str) -> None:
        """Back to the link."""
        self.redirect(f"{self.context.prefix.rstrip('/')}/share/{quote(token, safe='')}")


def size_text(size: int) -> str:
    """For people: ``1.5 MiB``."""
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{size} bytes" if not unit else f"{value:.1f} {_UNITS[unit]}"


def _below(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
