"""Enforce NetworkPolicies on the node: policies, pods and namespaces in, one nft table out.

    netpol.py HOST PORT PKI_FOLDER NODE

Runs inside the node's network namespace. It looks several times a second and rewrites the table as a whole when
anything changed; the last table stays in force while the API server is away. Connections that are open are not cut,
and the kubelet's probes come from the node itself and always pass, as the API asks.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import time

from api import Api, ApiError
from policies import render

PAUSE = 0.25


def table(api: Api, node: str) -> str:
    """What nft shall be told now. Only this node's pods count: simulated nodes' pods have no traffic."""
    return render(
        api.items("/apis/networking.k8s.io/v1/networkpolicies"),
        api.items(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}"),
        api.items("/api/v1/namespaces"),
    )


def main() -> None:
    host, port, pki, node = sys.argv[1:5]
    api, last, said = Api(host, int(port), pki), "", ""
    while True:
        try:
            text = table(api, node)
            if text != last:
                subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)
                last, said = text, ""
                print(time.strftime("%T"), text.count(" jump "), "directions closed", flush=True)
        except (OSError, ValueError, http.client.HTTPException, ApiError, subprocess.CalledProcessError) as error:
            if (word := repr(error)[:300]) != said:  # an outage is one line, however long
                print(time.strftime("%T"), said := word, flush=True)
        time.sleep(PAUSE)


main()
