"""Users and groups of the catalog, with passwords: what a hub needs where there is no identity provider."""

from __future__ import annotations

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from tornado import web
from traitlets import Integer, Unicode, default

from collegium.authenticator import passwords
from collegium.authenticator.banner import password_table
from collegium.authenticator.startup import StartupMixin
from collegium.authenticator.throttle import Throttle
from collegium.db import Database, UnitOfWork
from collegium.db.accounts import User
from collegium.db.engine import now
from collegium.db.shared import shared_database
from collegium.domain.errors import InvalidInput, Unavailable, shorten
from collegium.domain.names import check_user_name


class LocalGroupsAuthenticator(StartupMixin, Authenticator):  # type: ignore[misc]  # jupyterhub has no type information
    """Password login against the database; groups and admin rights are read anew at login, refresh and spawn.

    Whoever the catalog declares may log in and nobody else, so ``allow_all`` means all of those.
    """

    max_failures = Integer(10, min=1, help="Failed logins per user and address before a pause.").tag(config=True)
    failure_window = Integer(300, min=1, help="For how many seconds a failed login is remembered.").tag(config=True)

    first_passwords = Unicode(
        "",
        help="A folder with a file per user, named like the user, that holds the first password. Where it is set, no"
        " other user gets one and none is printed.",
    ).tag(config=True)

    @default("manage_groups")
    def _default_manage_groups(self) -> bool:
        return True

    @default("allow_all")
    def _default_allow_all(self) -> bool:
        return True

    @default("auth_refresh_age")
    def _default_auth_refresh_age(self) -> int:
        return 30

    @default("auth_refresh_strict")
    def _default_auth_refresh_strict(self) -> bool:
        return True

    @default("refresh_pre_spawn")
    def _default_refresh_pre_spawn(self) -> bool:
        return True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._throttle = Throttle(self.max_failures, self.failure_window)
        # Each check takes 64 MiB: two at a time, the others wait.
        self._checkers = ThreadPoolExecutor(2, "password")

    @property
    def database(self) -> Database:
        """The database of this installation."""
        return shared_database()

    def on_hub_start(self, app: Any) -> None:
        """Give passwords to users who have none and print them, this once; or take them from ``first_passwords``."""
        passwords.warm_up()
        with self.database.write() as uow:
            # There may have been a Keycloak before: nothing waits for its word any more.
            uow.providers.begin("", now())
        if self.first_passwords:
            self._take_first_passwords(Path(self.first_passwords))
            return
        made = passwords.first_run(self.database)
        if made:
            with self.database.read() as uow:
                admins = {u.name for u in uow.users.all() if u.platform_admin}
            # To the terminal and not to the log: logs are kept and sent elsewhere.
            print(password_table(made, admins, str(app.bind_url)), file=sys.stderr, flush=True)

    def _take_first_passwords(self, folder: Path) -> None:
        given = passwords.from_folder(folder)
        with self.database.read() as uow:
            unknown = set(given) - {u.name for u in uow.users.all()}
        if unknown:
            self.log.warning("First passwords for unknown users in %s: %s", folder, ", ".join(sorted(unknown)))
        for name in sorted(passwords.first_run(self.database, given)):
            self.log.info("%s may now log in with the first password in %s", name, folder)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> dict[str, Any] | None:
        """The auth model of a user whose password fits, None otherwise. HTTP 429 after too many failures."""
        asked, password = self.normalize_username(data.get("username", "")), data.get("password", "")
        address = getattr(getattr(handler, "request", None), "remote_ip", None) or ""
        shown = shorten(asked) or ""
        wait = self._throttle.begin(shown, address)
        if wait:
            self.log.warning("Too many failed logins for %s from %s", shown, address)
            minutes = -(-wait // 60)
            raise web.HTTPError(
                429, f"Too many failed logins. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
            )
        try:
            name = check_user_name(asked)
        except InvalidInput:
            name = ""
        user = await self._reading(lambda uow: uow.users.get(name))
        stored = user.password_hash if user else None
        loop = asyncio.get_running_loop()
        if not await loop.run_in_executor(self._checkers, passwords.verify, stored, password) or user is None:
            return None
        self._throttle.succeeded(shown, address)
        if stored and passwords.outdated(stored):
            renew = partial(passwords.set_password, self.database, name, password, replacing=stored)
            await loop.run_in_executor(self._checkers, renew)
        return await self._model(name)

    async def refresh_user(self, user: Any, handler: Any = None) -> dict[str, Any] | bool:
        """The auth model as the database has it now; False for a user who is gone."""
        return await self._model(user.name) or False

    async def _model(self, name: str) -> dict[str, Any] | None:
        def look(uow: UnitOfWork) -> tuple[User | None, list[str]]:
            return uow.users.get(name), sorted(uow.memberships.of_user(name))

        user, groups = await self._reading(look)
        if user is None:
            return None
        # Always True or False: None would leave an earlier admin in place.
        return {"name": name, "admin": user.platform_admin, "groups": groups, "auth_state": None}

    async def _reading(self, look: Any) -> Any:
        try:
            return await self.database.reading(look)
        except Unavailable as error:
            raise web.HTTPError(503, error.message) from error
