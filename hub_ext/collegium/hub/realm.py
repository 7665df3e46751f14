"""Keycloak's realm as the self-test sees it from outside: does it answer, and does a login lead to it?

Standard library only, as the rest of the self-test.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from collegium.hub.visit import PATIENCE, Failure, Visit

_DISCOVERY = ".well-known/openid-configuration"


def discover(issuer: str, ca_file: str = "") -> dict[str, Any]:
    """What the realm says about itself. Raises Failure if it does not, or is another one."""
    url = f"{issuer.rstrip('/')}/{_DISCOVERY}"
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
        with urllib.request.urlopen(url, timeout=PATIENCE, context=context) as answer:
            found = dict(json.load(answer))
    except urllib.error.HTTPError as error:
        with error:
            raise Failure(f"{url} was answered by {error.code}; is there such a realm?") from error
    except (OSError, http.client.HTTPException) as error:
        raise Failure(f"{url}: no answer, {getattr(error, 'reason', error)}") from error
    except (ValueError, TypeError) as error:
        raise Failure(f"{url} does not answer as a realm does") from error
    if found.get("issuer") != issuer.rstrip("/"):
        raise Failure(f"{url} says that its issuer is {str(found.get('issuer'))[:300]}; name it exactly so")
    return found


def check_door(visit: Visit, realm: Mapping[str, Any]) -> str:
    """A stranger who wants to log in is sent to the realm, with a proof key; the client's id. Raises Failure."""
    status, target, body = visit.door()
    wanted = str(realm["authorization_endpoint"])
    if not target:
        raise Failure(f"hub/login was answered by {status} and leads nowhere else: {body[:200]!r}")
    if target.partition("?")[0] != wanted:
        raise Failure(f"hub/login leads to {target.partition('?')[0]}, not to {wanted}")
    query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
    if query.get("code_challenge_method") != "S256" or not query.get("state"):
        raise Failure("hub/login leads to the realm without a proof key (PKCE S256) or without a state")
    return query.get("client_id", "")
