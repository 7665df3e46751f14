"""Volumes for claims of the class ``collegium-test``: a folder of the node per claim, owned by uid 1000.

    provisioner.py HOST PORT PKI_FOLDER VOLUMES_FOLDER

Makes a volume for each claim that waits, follows a claim's growth (a folder has no size: only the figures change), and
removes volume and folder when the claim is gone. Everything is read from the API server anew each time, so that it may
be killed at any point.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from api import Api, ApiError

CLASS, PROVISIONER = "collegium-test", "cluster.test/folder"
PAUSE = 0.25
OWNER = 1000
NAME = re.compile(r"pvc-[0-9a-f-]{36}")
CLAIMS, VOLUMES = "/api/v1/persistentvolumeclaims", "/api/v1/persistentvolumes"

Object = dict[str, Any]


def ensure_class(api: Api) -> None:
    """The class, as the default one."""
    body = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": PROVISIONER,
        "allowVolumeExpansion": True,
    }
    try:
        api.call("POST", "/apis/storage.k8s.io/v1/storageclasses", body)
    except ApiError as error:
        if error.status != 409:
            raise


def volume(claim: Object, folder: Path) -> Object:
    """The volume a claim asks for."""
    own, spec = claim["metadata"], claim["spec"]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": folder.name, "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER}},
        "spec": {
            "storageClassName": CLASS,
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "hostPath": {"path": str(folder), "type": "Directory"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": own["namespace"],
                "name": own["name"],
                "uid": own["uid"],
            },
        },
    }


def provide(api: Api, claim: Object, volumes: Path) -> None:
    """Folder and volume of a waiting claim; the controller-manager binds them."""
    folder = volumes / f"pvc-{claim['metadata']['uid']}"
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o770)
    os.chown(folder, OWNER, OWNER)
    try:
        api.call("POST", VOLUMES, volume(claim, folder))
    except ApiError as error:
        if error.status != 409:
            raise


def grow(api: Api, claim: Object, asked: str) -> None:
    """Give a bound claim and its volume the size that is asked for now."""
    own = claim["metadata"]
    api.merge(f"{VOLUMES}/{claim['spec']['volumeName']}", {"spec": {"capacity": {"storage": asked}}})
    api.merge(
        f"/api/v1/namespaces/{own['namespace']}/persistentvolumeclaims/{own['name']}/status",
        {"status": {"capacity": {"storage": asked}, "conditions": None}},
    )


def remove(api: Api, found: Object, volumes: Path) -> None:
    """Take a released volume and its folder away."""
    name = found["metadata"]["name"]
    if NAME.fullmatch(name):
        shutil.rmtree(volumes / name, ignore_errors=True)
        api.call("DELETE", f"{VOLUMES}/{name}")


def once(api: Api, volumes: Path) -> None:
    """Look at everything, do what is missing."""
    for claim in api.items(CLAIMS):
        if claim["spec"].get("storageClassName") != CLASS or claim["metadata"].get("deletionTimestamp"):
            continue
        asked = claim["spec"]["resources"]["requests"]["storage"]
        if not claim["spec"].get("volumeName"):
            attempt(provide, api, claim, volumes)
        elif claim["status"].get("phase") == "Bound" and claim["status"].get("capacity", {}).get("storage") != asked:
            attempt(grow, api, claim, asked)
    for found in api.items(VOLUMES):
        ours = found["metadata"].get("annotations", {}).get("pv.kubernetes.io/provisioned-by") == PROVISIONER
        if ours and found["status"].get("phase") == "Released" and not found["metadata"].get("deletionTimestamp"):
            attempt(remove, api, found, volumes)


def attempt(step: Any, *arguments: Any) -> None:
    """One claim that cannot be served does not hold up the others."""
    try:
        step(*arguments)
        print(time.strftime("%T"), step.__name__, arguments[1]["metadata"]["name"], flush=True)
    except ApiError as error:
        print(time.strftime("%T"), step.__name__, arguments[1]["metadata"]["name"], error, flush=True)


def main() -> None:
    host, port, pki, folder = sys.argv[1:5]
    api, said = Api(host, int(port), pki), ""
    while True:
        try:
            if not said:
                ensure_class(api)
            once(api, Path(folder))
            said = "well"
        except (OSError, ValueError, http.client.HTTPException, ApiError) as error:
            if (word := repr(error)[:300]) != said:
                print(time.strftime("%T"), said := word, flush=True)
        time.sleep(PAUSE)


main()
