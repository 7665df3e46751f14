"""Browser sessions as JupyterHub keeps them: whether a request lives off one, and how all of a person's end."""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from jupyterhub.apihandlers.users import ActivityAPIHandler
from tornado import web


def bound_to_session(handler: Any, user: Any) -> bool:
    """Does the request live off a browser session of this user?

    A cookie does. A token does where OAuth made it for a page in a browser (``session_id`` is set, and the hub deletes
    it at logout). Tokens that a person made, and a server's own, have no session: they are the account's, and last as
    long as that does. In a request of somebody else (an admin, a service) the user has no session at all.
    """
    if handler is None or getattr(handler, "_jupyterhub_user", None) is not user:
        return False
    if not getattr(handler, "_token_authenticated", False):
        return True
    token = handler.get_token()
    return bool(token is not None and token.session_id)


def reports_activity(handler: Any) -> bool:
    """Is this a running server saying that it is alive? That is no power, and its loss would get it culled."""
    return isinstance(handler, ActivityAPIHandler)


def end_sessions(db: Any, user: Any) -> None:
    """End every browser session of a hub user, at once: cookie, pages' tokens, logins under way, tokens of Keycloak.

    Servers run on, and tokens that the person made stay theirs. JupyterHub has one cookie value per user and none per
    session, so all end together.
    """
    orm_user = user.orm_user
    orm_user.cookie_id = orm.new_token()
    for token in db.query(orm.APIToken).filter(
        orm.APIToken.user_id == orm_user.id, orm.APIToken.session_id.is_not(None)
    ):
        db.delete(token)
    for code in db.query(orm.OAuthCode).filter(orm.OAuthCode.user_id == orm_user.id):
        db.delete(code)
    orm_user.encrypted_auth_state = None
    db.commit()
    user._auth_refreshed = None


def answer_now(handler: Any, error: web.HTTPError) -> None:
    """Send an error while the hub is still finding out who asks.

    There the hub swallows every exception and goes on without a user, which would send people to a login that cannot
    work, and tell programs that their token is wrong. A request that is answered already goes no further.
    """
    user = handler._jupyterhub_user
    handler._jupyterhub_user = None
    try:
        handler._resolve_roles_and_scopes()
        handler.send_error(error.status_code, exc_info=(type(error), error, None))
    finally:
        handler._jupyterhub_user = user


def finds_out_who_asks(handler: Any) -> bool:
    """True before the hub has settled on a user for the request."""
    return handler is not None and not hasattr(handler, "parsed_scopes")
