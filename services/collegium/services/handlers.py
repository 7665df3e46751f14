"""What all handlers share: identity and policy before anything else, JSON in and out, and the one error edge."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar, get_origin

from jupyterhub.services.auth import HubOAuthenticated
from pydantic import BaseModel, ValidationError
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.web import RequestHandler, stream_request_body

from collegium.domain.errors import DomainError, InvalidInput, NotFound, TooLarge, shorten
from collegium.domain.policy import Operation
from collegium.services.audit.refused import worth_a_line
from collegium.services.auth import Identity
from collegium.services.body import MAX_BODY, parse_json
from collegium.services.context import Context
from collegium.services.endpoint import Endpoint
from collegium.services.errors import RETRY_AFTER, describe, invalid_field
from collegium.services.refusals import MethodNotAllowed, RangeNotSatisfiable, UnsupportedMedia

M = TypeVar("M", bound=BaseModel)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
_log = logging.getLogger("collegium.services")


@stream_request_body
class BaseHandler(HubOAuthenticated, RequestHandler):  # type: ignore[misc]
    """Base of every handler. ``endpoints`` maps each method to its declaration; ``build_app`` refuses one without.

    The body is streamed into a bounded buffer, so that nobody is read who may not write, and no size hurts.
    """

    endpoints: ClassVar[Mapping[str, Endpoint]] = {}
    #: May a browser's login cookie stand in for a token? Only for reading.
    cookie_for_get: ClassVar[bool] = True
    #: May a service's token with ``read:metrics`` come in?
    services_allowed: ClassVar[bool] = False
    identity: Identity | None = None
    _request_id = ""
    _refusal: DomainError | None = None

    def initialize(self, context: Context) -> None:
        """Tornado's constructor hook."""
        self.context = context
        self.hub_auth = context.gate.hub_auth
        self.started_at = time.monotonic()
        self._body = bytearray()
        self._too_large = False
        self._counted = True
        context.busy += 1

    @property
    def endpoint(self) -> Endpoint | None:
        """The declaration of the method that was asked for."""
        return self.endpoints.get(self.request.method or "")

    @property
    def request_id(self) -> str:
        """The caller's ``X-Request-ID`` if it is sane, else one of ours."""
        if not self._request_id:
            given = self.request.headers.get("X-Request-ID", "")
            self._request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        return self._request_id

    @property
    def caller(self) -> Identity:
        """The identity that ``prepare`` found."""
        if self.identity is None:
            raise RuntimeError("this endpoint is public and has no caller")
        return self.identity

    def set_default_headers(self) -> None:
        """No caching, no sniffing, no framing; nothing of ours is meant for another origin."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
        self.clear_header("Server")

    def compute_etag(self) -> str | None:
        """None: answers are not to be stored, so there is nothing to compare."""
        return None

    def on_finish(self) -> None:
        """The request is over."""
        self._leave()

    def on_connection_close(self) -> None:
        """The client left."""
        self._leave()
        super().on_connection_close()

    def _leave(self) -> None:
        if self._counted:
            self._counted = False
            self.context.busy -= 1

    async def prepare(self) -> None:
        """Decide; a refusal is kept until the body has been read and dropped, even if there is none.

        Answering before would close the connection: under a client that still sends and never sees the answer, or
        under a proxy that was not told and has the next request fail on it.
        """
        try:
            await self.decide()
        except DomainError as error:
            self._refusal = error
            setattr(self, (self.request.method or "").lower(), self._refuse)

    def _refuse(self, *_args: str, **_kwargs: str) -> None:
        assert self._refusal is not None
        raise self._refusal

    async def decide(self) -> None:
        """Identity, then token, then membership, then role, and only then the body."""
        endpoint, group = self.endpoint, self.path_kwargs.get("group")
        self.set_header("X-Request-ID", self.request_id)
        if not self.is_public():
            self.identity = await self.identify(group)
        if endpoint is None:
            raise self.unknown()
        if self.identity is None:
            await self.context.gate.require_public(endpoint.operation)
        else:
            self.identity.require(endpoint.operation, group)

    def is_public(self) -> bool:
        """True if the request needs no token; a wrong method of a path that needs one needs one too."""
        endpoints = [self.endpoint] if self.endpoint else list(self.endpoints.values())
        return bool(endpoints) and all(e.public for e in endpoints)

    async def identify(self, group: str | None) -> Identity:
        """The caller; raises NotAuthenticated."""
        cookie = self.cookie_for_get and self.request.method == "GET"
        return await self.context.gate.identify(self, group, cookie=cookie, services=self.services_allowed)

    def unknown(self) -> DomainError:
        """What a method without a declaration is answered with."""
        allowed = sorted(self.endpoints)
        return MethodNotAllowed(
            f"{self.request.method} is not possible here; {', '.join(allowed)} is.", allowed=allowed
        )

    def data_received(self, chunk: bytes) -> None:
        """Keep at most MAX_BODY; the rest is read and dropped, so that the refusal can still be delivered."""
        if self._refusal is not None:
            return
        if len(self._body) + len(chunk) > MAX_BODY:
            self._too_large = True
            self._body.clear()
        elif not self._too_large:
            self._body += chunk

    def read_body(self, model: type[M], *, optional: bool = False) -> M:
        """The request's body; raises InvalidInput, UnsupportedMedia or TooLarge. ``optional``: none is ``{}``."""
        if self._too_large:
            raise self._refusal_of_size()
        if optional and bytes(self._body).strip() in (b"", b"{}"):
            return model()
        kind, _, parameters = self.request.headers.get("Content-Type", "").partition(";")
        if kind.strip().lower() != "application/json":
            raise UnsupportedMedia("The body must come as Content-Type: application/json.", got=kind.strip()[:80])
        if parameters.strip().lower().replace('"', "") not in ("", "charset=utf-8"):
            raise UnsupportedMedia("The body must be UTF-8.", got=parameters.strip()[:80])
        body = parse_json(bytes(self._body))
        try:
            return model.model_validate(body, strict=True)
        except ValidationError as error:
            raise invalid_field(error, body) from None

    def read_private_body(self, model: type[M]) -> M:
        """As ``read_body``, for what holds a secret: no refusal quotes a value."""
        try:
            return self.read_body(model)
        except InvalidInput as error:
            refusal = error
        raise InvalidInput(refusal.details["field"], refusal.problem, limit=refusal.details.get("limit"))

    def read_text(self, kind: str) -> str | None:
        """The body as text if it came as this media type, else None; raises as ``read_body``."""
        given, _, parameters = self.request.headers.get("Content-Type", "").partition(";")
        if given.strip().lower() != kind:
            return None
        if self._too_large:
            raise self._refusal_of_size()
        if parameters.strip().lower().replace('"', "") not in ("", "charset=utf-8"):
            raise UnsupportedMedia("The body must be UTF-8.", got=parameters.strip()[:80])
        try:
            return bytes(self._body).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise InvalidInput("body", "is not UTF-8 text") from None

    def refuse_body(self) -> None:
        """For operations without one: nothing, or an empty object, so that nothing is ignored in silence."""
        if self._too_large:
            raise self._refusal_of_size()
        if bytes(self._body).strip() not in (b"", b"{}"):
            raise InvalidInput("body", "must be empty for this operation")

    def read_query(self, model: type[M]) -> M:
        """The query string; raises InvalidInput also for repeated names, but of those that may be."""
        values: dict[str, str | list[str]] = {}
        for name, raw in self.request.query_arguments.items():
            # Tornado would turn control characters into blanks: that is another name than the one that was asked for.
            given, field = [self.decode_argument(value, name) for value in raw], model.model_fields.get(name)
            many = field is not None and get_origin(field.annotation) is list
            if len(given) > 1 and not many:
                raise InvalidInput(name, "is given more than once")
            values[name] = given if many else given[0]
        return model.model_validate(values)

    def write_json(self, model: BaseModel, status: int | None = None) -> None:
        """Finish with a wire model."""
        self.set_status(status or (self.endpoint.status if self.endpoint else 200))
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.finish(model.model_dump_json())

    def send_error(self, status_code: int = 500, **kwargs: Any) -> None:
        """An answer that has begun cannot turn into an error: break it off, so that it does not look complete."""
        if self._headers_written:
            if "exc_info" in kwargs:
                _log.error("answer broken off", exc_info=kwargs["exc_info"], extra={"request_id": self.request_id})
            connection: Any = self.request.connection
            if connection is not None and getattr(connection, "stream", None) is not None:
                connection.stream.close()
            return
        super().send_error(status_code, **kwargs)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The one error edge."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else None
        status, body = describe(error, self.request_id)
        self.note_refusal(error)
        self.set_status(status)
        self.set_header("X-Request-ID", self.request_id)
        if status in RETRY_AFTER:
            self.set_header("Retry-After", str(RETRY_AFTER[status]))
        if status == 401:
            self.set_header("WWW-Authenticate", "token")
        if isinstance(error, MethodNotAllowed):
            self.set_header("Allow", ", ".join(error.details["allowed"]))
        if isinstance(error, RangeNotSatisfiable):
            self.set_header("Content-Range", f"bytes */{error.details['size']}")
        self.write_json(body, status)

    def note_refusal(self, error: BaseException | None) -> None:
        """Attempts on people, invitations and secrets are told to whoever reads the audit log."""
        if self.endpoint is None or self.identity is None:
            return
        operation, reading = self.endpoint.operation, self.request.method == "GET"
        if isinstance(error, DomainError) and worth_a_line(operation, error, reading):
            group = self.path_kwargs.get("group") or ""
            known = self.identity.group_exists and group
            actor, named = self.identity.actor.user, shorten(self.attempted_object()) or ""
            self.context.refused.note(operation, actor, named, known or "", error, self.request_id)

    def attempted_object(self) -> str:
        """On what, as far as the request says it."""
        return str(next((v for v in map(self.path_kwargs.get, ("user", "invitation", "secret")) if v), ""))

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Refusals are the caller's; everything else is ours and is logged whole."""
        if isinstance(value, DomainError | ValidationError | StreamClosedError):
            return
        if describe(value, "")[0] >= 500:
            _log.error("request failed", exc_info=(typ, value, tb), extra={"request_id": self.request_id})  # type: ignore[arg-type]

    def _refusal_of_size(self) -> TooLarge:
        return TooLarge(f"The body is larger than {MAX_BODY} bytes.", limit=MAX_BODY)


class NotFoundHandler(BaseHandler):
    """Every path that is not in the table; whoever is not logged in does not learn which those are."""

    def unknown(self) -> DomainError:
        """There is nothing here, whatever the method."""
        return NotFound("There is nothing at this address.")


def header(headers: HTTPHeaders, name: str, limit: int = 128) -> str | None:
    """A header's value if it is short printable ASCII; raises InvalidInput for anything else, None if it is absent."""
    value = headers.get(name)
    if value is None:
        return None
    if not value.isascii() or not value.isprintable() or not 1 <= len(value) <= limit:
        raise InvalidInput(name, f"must be 1 to {limit} printable ASCII characters", value, limit)
    return value


def operation_name(handler: RequestHandler) -> str:
    """The operation of a request, for logs and metrics; never the path, which anybody can make up."""
    endpoint = handler.endpoint if isinstance(handler, BaseHandler) else None
    operation: Operation | None = endpoint.operation if endpoint else None
    return operation.value if operation else "unknown"
