"""Runs code in a kernel of a real JupyterLab server, as a notebook does."""

from __future__ import annotations

import contextlib
import json
import uuid
from urllib.parse import urlsplit

import websocket

from support.installation import call


def run_code(server: str, token: str, code: str, seconds: float = 90) -> str:
    """What the code prints in a fresh kernel of the server at this address; its error, if it ends with one."""
    status, kernel = call("POST", f"{server}/api/kernels", token, {"name": "python3"})
    assert status == 201, kernel
    try:
        address = f"ws://{urlsplit(server).netloc}{urlsplit(server).path}/api/kernels/{kernel['id']}/channels"
        socket = websocket.create_connection(address, header=[f"Authorization: token {token}"], timeout=seconds)
        with contextlib.closing(socket):
            return _executed(socket, code)
    finally:
        call("DELETE", f"{server}/api/kernels/{kernel['id']}", token)


def _executed(socket: websocket.WebSocket, code: str) -> str:
    content = {"code": code, "silent": False, "store_history": False, "user_expressions": {}, "allow_stdin": False}
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "",
        "session": "",
        "version": "5.3",
    }
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    socket.send(json.dumps(message))
    said = ""
    while True:
        answer = json.loads(socket.recv())
        if answer.get("parent_header", {}).get("msg_id") != header["msg_id"]:
            continue
        kind, content = answer["msg_type"], answer["content"]
        if kind == "stream":
            said += content["text"]
        elif kind == "error":
            said += f"{content['ename']}: {content['evalue']}\n"
        elif kind == "status" and content["execution_state"] == "idle":
            return said
