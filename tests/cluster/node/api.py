"""The API server, as the node's own small programs need it: JSON over one kept connection, standard library only."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any


class ApiError(Exception):
    """The API server answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api:
    """One API server with a client certificate. Reconnects by itself; not for several threads."""

    def __init__(self, host: str, port: int, pki: str, name: str = "admin") -> None:
        context = ssl.create_default_context(cafile=f"{pki}/ca.crt")
        context.load_cert_chain(f"{pki}/{name}.crt", f"{pki}/{name}.key")
        self._connection = http.client.HTTPSConnection(host, port, context=context, timeout=10)

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """Send one request. Raises ApiError for a refusal, OSError or HTTPException where the server is away."""
        headers = {"Accept": "application/json", "Content-Type": kind}
        try:
            self._connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        found = json.loads(text)
        if answer.status >= 400:
            raise ApiError(answer.status, found.get("message", ""))
        return found

    def items(self, path: str) -> list[dict[str, Any]]:
        """Everything of a kind, from the API server's cache, which costs it next to nothing."""
        path += ("&" if "?" in path else "?") + "resourceVersion=0"
        return self.call("GET", path)["items"] or []

    def merge(self, path: str, body: Any) -> Any:
        """Merge patch."""
        return self.call("PATCH", path, body, "application/merge-patch+json")
