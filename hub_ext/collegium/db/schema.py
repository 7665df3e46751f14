"""JupyterHub's own tables beside ours in one PostgreSQL database, and a start that waits for the database."""

from __future__ import annotations

import time
from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from collegium.db.engine import Database
from collegium.domain.errors import Unavailable
from collegium.settings import Settings

#: Some of JupyterHub's tables have the names of some of ours.
HUB_SCHEMA = "jupyterhub"
#: Seconds between tries, and between lines that say so.
PAUSE, QUIET = 2.0, 60.0


def with_schema(url: str, schema: str) -> str:
    """The same database with ``schema`` as the place of all tables; what is not PostgreSQL stays as it is."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "postgresql":
        earlier = parsed.query.get("options")
        options = earlier if isinstance(earlier, str) else " ".join(earlier or ())
        parsed = parsed.update_query_dict({"options": f"{options} -csearch_path={schema}".strip()})
    return parsed.render_as_string(hide_password=False)


def reach(url: str, schema: str = "") -> None:
    """Connect once, and make the schema if it is not there. Raises Unavailable."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    try:
        with engine.begin() as connection:
            # Asked first: IF NOT EXISTS takes the right to make schemas even where there is nothing to make.
            if schema and not sa.inspect(connection).has_schema(schema):
                connection.execute(sa.schema.CreateSchema(schema, if_not_exists=True))
    except DBAPIError as error:
        raise Unavailable("The database of JupyterHub does not answer.") from error


def wait_for_database(settings: Settings, say: Callable[[str], None], hub_url: str | None = None) -> None:
    """Return when the database is there and its schema up to date, however long that takes.

    With ``hub_url`` the hub's own database must answer too; empty, it is a schema in ours, which is made. ``say`` gets
    a line at the first failure and every minute, in the database's own words, which hold no password.
    """
    said = -QUIET
    while True:
        try:
            Database.open(settings).close()
            if hub_url is not None:
                reach(hub_url or settings.database_url, "" if hub_url else HUB_SCHEMA)
            return
        except Unavailable as error:
            if time.monotonic() - said >= QUIET:
                said = time.monotonic()
                say(f"waiting for the database: {cause(error)}")
            time.sleep(PAUSE)


def cause(error: Unavailable) -> str:
    """The database's own words on one line; they name server, database and user, never a password."""
    return " ".join(str(getattr(error.__cause__, "orig", None) or error.message).split())[:300]
