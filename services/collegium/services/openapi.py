"""The description of the API, made from the routes and the wire models. ``python -m collegium.services.openapi``."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from collegium.domain.policy import POLICY
from collegium.hub.scopes import CUSTOM_SCOPES, PREFIX
from collegium.services import API_VERSION, VERSION
from collegium.services.endpoint import EVENT_STREAM, JSON, Endpoint, Header
from collegium.services.groups.models import ErrorOut

if TYPE_CHECKING:
    from collegium.services.app import Route

_PARAMETERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "group": ("The group's name.", {"type": "string", "maxLength": 64}),
    "schedule": ("The schedule's id.", {"type": "string", "maxLength": 64}),
    "channel": ("The channel's name.", {"type": "string", "maxLength": 63}),
    "secret": ("The secret's name.", {"type": "string", "maxLength": 63}),
    "sweep": ("The sweep's id.", {"type": "string", "maxLength": 64}),
    "job": ("The job's id.", {"type": "string", "maxLength": 64}),
    "dataset": ("The dataset's name.", {"type": "string", "maxLength": 63}),
    "version": ("The version's number.", {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"}),
    "grantee": ("The name of the group that is to use it; `*` is every group, for the platform.", {"type": "string"}),
    "invitation": ("The invitation's id.", {"type": "string", "maxLength": 40}),
    "upload": ("The upload's id.", {"type": "string", "maxLength": 64}),
    "share": ("The share link's id.", {"type": "string", "maxLength": 64}),
    "user": ("The account's id at the identity provider.", {"type": "string", "maxLength": 255}),
    "path": ("The artifact's path; slashes stay as they are.", {"type": "string", "maxLength": 1024}),
    "task": ("The task's id.", {"type": "string", "maxLength": 64}),
    "trash": ("The id of what was deleted.", {"type": "string", "maxLength": 64}),
}
_WORDS = {
    206: "A part of the file.",
    304: "The content is what the caller has.",
    400: "A field, parameter or header cannot be accepted.",
    401: "No usable token.",
    403: "Your token or your role does not allow this.",
    404: "No such thing, or none that you may know of.",
    405: "Not with this method.",
    409: "Not in the state that it is in.",
    410: "It was there once.",
    412: "Not in this version of the protocol.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    416: "No such range.",
    422: "Not granted, more than the quota could ever allow, or a key that stood for another request.",
    429: "Too many of these; `Retry-After` says when to come back.",
    460: "What came is not what was sent; nothing of it was kept.",
    500: "A fault of ours; the request id helps to find it.",
    503: "A part of the installation does not answer now.",
    507: "There is no room to store this.",
}


@cache
def describe_api(routes: tuple[Route, ...], prefix: str = "/services/collegium/") -> str:
    """The OpenAPI 3.1 document as JSON text. ``prefix`` is where the service is, with slashes at both ends."""
    paths: dict[str, Any] = {}
    models: dict[tuple[type[BaseModel], Any], None] = {(ErrorOut, "serialization"): None}
    for route in routes:
        if not route.path.startswith("api/") and route.path not in ("health", "metrics"):
            continue
        path = "/" + re.sub(r"\{(\w+)(?:\.\.\.)?\}", r"{\1}", route.path)
        paths[path] = {m.lower(): _operation(route.path, m, e) for m, e in route.handler.endpoints.items()}
        for endpoint in route.handler.endpoints.values():
            if endpoint.body:
                models[endpoint.body, "validation"] = None
            if endpoint.response:
                models[endpoint.response, "serialization"] = None
    _, definitions = models_json_schema(list(models), ref_template="#/components/schemas/{model}")
    document = {
        "openapi": "3.1.0",
        "info": {
            "title": "Collegium",
            "version": VERSION,
            "description": "Jobs, quota and catalogs of the groups of a JupyterHub. See docs/api.md.",
        },
        "servers": [{"url": prefix.rstrip("/") or "/"}],
        "paths": paths,
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`token <token>`, with a token from the hub's token page. Scopes: "
                    + "; ".join(f"`{name}`: {row['description']}" for name, row in CUSTOM_SCOPES.items()),
                }
            },
        },
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _operation(path: str, method: str, endpoint: Endpoint) -> dict[str, Any]:
    rule = POLICY[endpoint.operation]
    names = re.findall(r"\{(\w+)(?:\.\.\.)?\}", path)
    short = path.removeprefix(f"api/{API_VERSION}/")
    described: dict[str, Any] = {
        "operationId": f"{method.lower()}_{re.sub(r'[^a-z0-9]+', '_', short).strip('_')}",
        "summary": endpoint.summary,
        "x-operation": endpoint.operation.value,
        "x-scope": f"{PREFIX}{rule.scope}" if rule.scope else None,
        "x-role": rule.role.value if rule.role else None,
        "security": [] if endpoint.public else [{"token": []}],
        "parameters": [_path_parameter(n) for n in names]
        + _query_parameters(endpoint)
        + [_header_parameter(h) for h in endpoint.headers],
        "responses": _responses(endpoint, names),
    }
    if endpoint.body:
        content = {m: {"schema": _ref(endpoint.body) if m == JSON else {"type": "string"}} for m in endpoint.accepts}
        described["requestBody"] = {"required": not endpoint.optional, "content": content}
    elif endpoint.raw:
        content = {endpoint.raw: {"schema": {"type": "string", "format": "binary"}}}
        described["requestBody"] = {"required": False, "content": content}
    return described


def _responses(endpoint: Endpoint, names: list[str]) -> dict[str, Any]:
    answers = {h.name: {"description": h.description, "schema": {"type": "string"}} for h in endpoint.answers}
    good: dict[str, Any] = {
        "description": endpoint.summary + ".",
        "content": {m: _content(endpoint, m) for m in endpoint.media},
    }
    if answers:
        good["headers"] = answers
    responses = {str(endpoint.status): good}
    statuses = {500, *endpoint.errors}
    if not endpoint.public:
        statuses |= {401, 403, 503}
    if names:
        statuses |= {404}
    if endpoint.query:
        statuses |= {400}
    for status in sorted(statuses):
        responses[str(status)] = _other(status, good, endpoint)
    return responses


def _other(status: int, good: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
    if status == 206:
        return {**good, "description": _WORDS[status]}
    return {"description": _WORDS[status]} if status == 304 else _error(status, endpoint)


def _error(status: int, endpoint: Endpoint) -> dict[str, Any]:
    # The health answer keeps its own shape when it is bad news.
    own = status == 503 and endpoint.public and endpoint.response is not None
    return {"description": _WORDS[status], "content": {JSON: {"schema": _ref(endpoint.response if own else ErrorOut)}}}


def _content(endpoint: Endpoint, media: str) -> dict[str, Any]:
    if endpoint.response is not None and media == JSON:
        return {"schema": _ref(endpoint.response)}
    return {"schema": {"type": "string"}} if media.startswith("text/") or media == EVENT_STREAM else {}


def _ref(model: type[BaseModel] | None) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__ if model else ''}"}


def _path_parameter(name: str) -> dict[str, Any]:
    text, schema = _PARAMETERS[name]
    return {"name": name, "in": "path", "required": True, "description": text, "schema": schema}


def _header_parameter(header: Header) -> dict[str, Any]:
    schema = {"type": "string"} | ({"pattern": header.pattern} if header.pattern else {})
    return {"name": header.name, "in": "header", "required": False, "description": header.description, "schema": schema}


def _query_parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    if endpoint.query is None:
        return []
    found, described = [], endpoint.query.model_json_schema()
    for name, schema in described["properties"].items():
        plain = {k: v for k, v in schema.items() if k not in ("title", "default", "description")}
        if "anyOf" in plain:
            # "or null" says that it may be left out, which ``required`` says already.
            plain |= next(s for s in plain.pop("anyOf") if s.get("type") != "null")
        if schema.get("default") is not None:
            plain["default"] = schema["default"]
        found.append(
            {
                "name": name,
                "in": "query",
                "required": name in described.get("required", ()),
                "description": schema.get("description", name),
                "schema": plain,
            }
        )
    return found


def main() -> None:
    """Print the document."""
    from collegium.services.app import ROUTES

    sys.stdout.write(describe_api(ROUTES) + "\n")


if __name__ == "__main__":
    main()
