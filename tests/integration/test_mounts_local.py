"""Two groups and one dataset on one machine: read-only in one, writable in the other, in jobs and in JupyterLab."""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import pytest
import yaml

from collegium.hub.configuration import DEMO_CATALOG
from support.installation import Installation, until
from support.kernels import run_code

DATASETS = [
    {"name": "digits", "display_name": "Digits", "kind": "managed", "description": "For everybody to learn from"},
    {"name": "maps", "kind": "folder", "source": {"path": "/nonexistent/maps"}},
    {"name": "keys", "kind": "environment", "source": {"endpoint": "example"}},
]
#: What anybody may try: each line says what came of it.
TRY = """
import os, pathlib
digits = pathlib.Path(os.environ["COLLEGIUM_DATASETS"], "digits")
print("reads", (digits / "train.csv").read_text().strip() if (digits / "train.csv").exists() else "nothing")
for name in ("train.csv", "mine.csv"):
    try:
        (digits / name).write_text("1,2")
        print("wrote", name)
    except OSError as error:
        print("refused", name, error.strerror)
project = pathlib.Path(os.environ["COLLEGIUM_PROJECT"], os.environ["COLLEGIUM_GROUP"] + ".txt")
project.write_text("ours")
print(project.exists(), os.environ["KEYS_ENDPOINT"], sorted(p.name for p in digits.parent.iterdir()))
"""
BY_NAME = """
import os, fsspec
with open(os.environ["COLLEGIUM_DATASETS"] + "/digits/train.csv") as file:
    by_path = file.read()
with fsspec.open("collegium://chemistry/.datasets/digits@1/train.csv", "r") as file:
    print("the same", file.read() == by_path, by_path.strip())
"""
WRITES = ["wrote train.csv", "wrote mine.csv"]
REFUSED = [f"refused {name} Read-only file system" for name in ("train.csv", "mine.csv")]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("mounts")
    catalog: dict[str, Any] = yaml.safe_load(DEMO_CATALOG.read_text())
    catalog["datasets"] = DATASETS
    modes = {"physics": {"name": "digits", "access": "rw"}, "chemistry": "digits"}
    for group in catalog["groups"]:
        if group["name"] in modes:
            group["datasets"] = [modes[group["name"]], "maps", "keys"]
    path = folder / "catalog.yaml"
    path.write_text(yaml.safe_dump(catalog))
    running = Installation(folder / "hub", path)
    try:
        yield running.start()
    finally:
        running.stop()


def job(hub: Installation, token: str, group: str, program: str, **more: Any) -> tuple[dict[str, Any], list[str]]:
    """A job once it is over, and what it printed."""
    body = {"name": "try", "image": "scientific-python", "instance_type": "small", **more}
    body["command"] = f"python - <<'END'\n{program}\nEND"
    status, made = hub.request("POST", f"/groups/{group}/jobs", token, body)
    assert status == 201, made
    url = f"/groups/{group}/jobs/{made['id']}"
    ends = ("Succeeded", "Failed", "Cancelled")
    until("the job ends", lambda: hub.request("GET", url, token)[1]["state"] in ends)
    log = str(hub.request("GET", f"{url}/logs", token)[1])
    return hub.request("GET", url, token)[1], log.splitlines()


def serve(hub: Installation, user: str, group: str) -> str:
    """The address of a running server of this group."""
    options = {"group": group, "instance_type": "small", "image": "scientific-python"}
    status, answer = hub.as_admin("POST", f"/users/{user}/servers/{group}", options)
    assert status in (201, 202), answer
    until(
        "the server is ready", lambda: hub.as_admin("GET", f"/users/{user}")[1]["servers"].get(group, {}).get("ready")
    )
    return f"{hub.url}/user/{user}/{group}"


def test_one_dataset_in_two_groups(hub: Installation) -> None:
    token = hub.token("ann", note="test", scopes=["inherit"])
    shown, said = job(hub, token, "physics", TRY)
    assert (shown["state"], said) == ("Succeeded", ["reads nothing", *WRITES, "True example ['digits']"]), said
    found = {d["name"]: (d["access"], d["path"], bool(d["problem"]), d["enforced"]) for d in shown["datasets"]}
    assert found == {
        "digits": ("rw", "$COLLEGIUM_DATASETS/digits", False, True),
        "maps": ("ro", "$COLLEGIUM_DATASETS/maps", True, True),
        "keys": ("ro", "", False, True),
    }
    assert any("Without the dataset maps" in event["message"] for event in shown["history"])
    shown, said = job(hub, token, "chemistry", TRY)
    assert (shown["state"], said[:3]) == ("Succeeded", ["reads 1,2", *REFUSED]), said
    # The same in a notebook of a real server, which finds links in its home.
    for group, expected in (("physics", WRITES), ("chemistry", REFUSED)):
        server = serve(hub, "ann", group)
        printed = run_code(server, token, TRY + "print(sorted(os.listdir(os.path.expanduser('~/datasets'))))")
        lines = printed.splitlines()
        assert lines[:3] == ["reads 1,2", *expected] and lines[-1] == "['digits']", printed
        assert (hub.state / f"files/{group}/files/{group}.txt").read_text() == "ours"
    # Who holds it, and since when no more.
    uses = hub.request("GET", "/groups/physics/datasets/digits/uses", token)[1]["items"]
    assert {(u["kind"], u["access"], u["ended_at"] is None) for u in uses} == {
        ("server", "rw", True),
        ("job", "rw", False),
    }
    hub.as_admin("DELETE", "/users/ann/servers/physics")
    server_uses = "/groups/physics/datasets/digits/uses?kind=server"
    until("its use ends", lambda: hub.request("GET", server_uses, token)[1]["items"][0]["ended_at"])


def test_a_version_by_path_and_by_its_name(hub: Installation) -> None:
    """With the token of the run, which is worth nothing when that is over."""
    ann = hub.token("ann", note="test", scopes=["inherit"])
    name = f"digits-{token_hex(3)}"
    assert hub.request("POST", "/groups/chemistry/datasets", ann, {"name": name, "kind": "managed"})[0] == 201
    content = f"/groups/chemistry/files/content?path=.datasets/{name}/train.csv"
    assert hub.request("PUT", content, ann, b"3,4\n")[0] == 200
    versions = f"/groups/chemistry/datasets/{name}/versions"
    assert hub.request("POST", versions, ann, {"note": "first"})[0] == 201
    until("the version is ready", lambda: hub.request("GET", f"{versions}/1", ann)[1]["state"] == "Ready")
    assert hub.request("PUT", content, ann, b"changed\n")[0] == 200
    program = BY_NAME.replace("digits", name) + "print(os.environ['COLLEGIUM_TOKEN'])"
    program += "\nopen(os.environ['COLLEGIUM_ARTIFACTS'] + '/token', 'w').write(os.environ['COLLEGIUM_TOKEN'])"
    shown, said = job(hub, ann, "chemistry", program, datasets=[f"{name}@latest"])
    assert (shown["state"], said[0]) == ("Succeeded", "the same True 3,4"), said
    assert set(said[1]) == {"*"}
    (use,) = hub.request("GET", f"/groups/chemistry/datasets/{name}/uses", ann)[1]["items"]
    assert (use["version"], use["id"], use["access"]) == (1, shown["id"], "ro")
    token = hub.request("GET", f"/groups/chemistry/jobs/{shown['id']}/artifacts/token", ann)[1]
    assert hub.request("GET", "/groups/chemistry/files", str(token))[0] == 401
