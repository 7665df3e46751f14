"""Routes of user administration."""

from __future__ import annotations

import contextlib
from typing import ClassVar

from pydantic import Field, ValidationError

from collegium.domain.errors import DomainError
from collegium.domain.policy import Operation
from collegium.services.by import By
from collegium.services.endpoint import JSON, Endpoint, Query
from collegium.services.handlers import BaseHandler, header
from collegium.services.jobs.handlers import KEY, REPLAYED
from collegium.services.users.models import (
    DeletedOut,
    GroupsIn,
    GroupsOut,
    ImportIn,
    ImportOut,
    MailIn,
    MailOut,
    PasswordOut,
    UserCreated,
    UserDetail,
    UserIn,
    UserPage,
    UserPatch,
)

CSV = "text/csv"
_BODY = (400, 409, 413, 415)


class UserQuery(Query):
    """Whom to list."""

    text: str = Field(
        default="", max_length=120, pattern=r"^[^\x00]*$", description="Part of user name, names or address."
    )
    enabled: bool | None = Field(default=None, description="Only accounts that may, or may not, log in.")
    limit: int = Field(default=50, ge=1, le=200)
    cursor: str | None = Field(default=None, max_length=64, description="`next_cursor` of the page before.")


class ImportQuery(Query):
    """For CSV that comes without JSON around it."""

    dry_run: bool = Field(default=False, description="Only say what would be done.")
    send_mail: bool = Field(default=False, description="Let new people set their password by mail.")


class UserBase(BaseHandler):
    """What these routes share."""

    @property
    def by(self) -> By:
        """Who asks."""
        return By(self.caller.actor, self.request_id)


class UsersHandler(UserBase):
    """``/users``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.USER_LIST, "Accounts by name", UserPage, query=UserQuery, errors=(409,)),
        "POST": Endpoint(
            Operation.USER_CREATE,
            "Create an account",
            UserCreated,
            201,
            body=UserIn,
            headers=(KEY,),
            answers=(REPLAYED,),
            errors=(*_BODY, 422),
        ),
    }

    async def get(self) -> None:
        """A page."""
        query = self.read_query(UserQuery)
        page = self.context.users.page(query.text.strip(), query.enabled, query.limit, query.cursor)
        self.write_json(await page)

    def attempted_object(self) -> str:
        """The name of the account that was not made; nothing of who was refused before the body was read."""
        with contextlib.suppress(DomainError, ValidationError):
            return self.read_body(UserIn).username
        return ""

    async def post(self) -> None:
        """Create."""
        key = header(self.request.headers, KEY.name)
        user, new = await self.context.users.create(self.by, self.read_body(UserIn), key)
        if not new:
            self.set_header(REPLAYED.name, "true")
        self.write_json(user)


class ExportHandler(UserBase):
    """``/users/export``."""

    endpoints: ClassVar = {"GET": Endpoint(Operation.USER_EXPORT, "All accounts as CSV", media=(CSV,), errors=(409,))}

    async def get(self) -> None:
        """A file."""
        text = await self.context.transfer.export()
        self.set_header("Content-Type", f"{CSV}; charset=UTF-8")
        self.set_header("Content-Disposition", 'attachment; filename="users.csv"')
        self.finish(text)


class ImportHandler(UserBase):
    """``/users/import``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.USER_IMPORT,
            "Create and change accounts from CSV",
            ImportOut,
            body=ImportIn,
            accepts=(JSON, CSV),
            query=ImportQuery,
            errors=_BODY,
        )
    }

    async def post(self) -> None:
        """Import."""
        text, query = self.read_text(CSV), self.read_query(ImportQuery)
        if text is None:
            body = self.read_body(ImportIn)
        else:
            body = ImportIn(csv=text, dry_run=query.dry_run, send_mail=query.send_mail)
        self.write_json(await self.context.transfer.load(self.by, body))


class UserHandler(UserBase):
    """``/users/{user}``."""

    endpoints: ClassVar = {
        "GET": Endpoint(Operation.USER_READ, "One account", UserDetail, errors=(409,)),
        "PATCH": Endpoint(Operation.USER_UPDATE, "Change an account", UserDetail, body=UserPatch, errors=_BODY),
        "DELETE": Endpoint(Operation.USER_DELETE, "Delete an account for ever", DeletedOut, errors=(400, 409, 413)),
    }

    async def get(self, user: str) -> None:
        """One account."""
        self.write_json(await self.context.users.get(user))

    async def patch(self, user: str) -> None:
        """Change."""
        self.write_json(await self.context.users.change(self.by, user, self.read_body(UserPatch)))

    async def delete(self, user: str) -> None:
        """Delete."""
        self.refuse_body()
        await self.context.users.delete(self.by, user)
        self.write_json(DeletedOut(id=user))


class PasswordHandler(UserBase):
    """``/users/{user}/password``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.USER_PASSWORD, "Make a password for one login, shown once", PasswordOut, errors=(400, 409, 413)
        )
    }

    async def post(self, user: str) -> None:
        """Reset."""
        self.refuse_body()
        self.write_json(await self.context.users.password(self.by, user))


class MailHandler(UserBase):
    """``/users/{user}/mail``."""

    endpoints: ClassVar = {
        "POST": Endpoint(
            Operation.USER_MAIL, "Ask a person by mail to do something", MailOut, body=MailIn, errors=_BODY
        )
    }

    async def post(self, user: str) -> None:
        """Send."""
        self.write_json(await self.context.users.mail(self.by, user, self.read_body(MailIn)))


class GroupsHandler(UserBase):
    """``/users/{user}/groups``."""

    endpoints: ClassVar = {
        "PUT": Endpoint(
            Operation.USER_GROUPS, "Make a person's roles exactly these", GroupsOut, body=GroupsIn, errors=_BODY
        )
    }

    async def put(self, user: str) -> None:
        """Set."""
        groups = self.read_body(GroupsIn).groups
        self.write_json(await self.context.users.set_groups(self.by, user, groups))
