from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from collegium.catalog.loader import load_catalog, parse_catalog
from collegium.catalog.primehub.findings import Level
from collegium.catalog.primehub.translate import Request, import_primehub
from collegium.catalog.primehub.write import write_file
from collegium.catalog.service import apply_catalog
from collegium.cli.__main__ import main
from collegium.db import Database
from collegium.domain.catalog import AccessMode
from collegium.domain.errors import Conflict
from collegium.domain.groups import Role
from support.primehub import CRDS, REALM, a_realm, a_resource, a_size, group, imported, refused, run, said

# The whole


def test_the_example_becomes_a_catalog_that_the_database_follows(tmp_path: Path, sqlite_database: Database) -> None:
    out = tmp_path / "catalog.yaml"
    result = run("--realm", REALM, "--crds", CRDS, "-o", out)
    assert result.exit_code == 3, result.output
    checked = CliRunner().invoke(main, ["catalog", "check", str(out)])
    assert checked.exit_code == 0 and "5 groups, 5 instance types, 4 images, 5 datasets, 0 users" in checked.output
    catalog = load_catalog(out)
    assert apply_catalog(sqlite_database, catalog)
    assert apply_catalog(sqlite_database, catalog) == []
    with sqlite_database.read() as uow:
        physics = uow.catalog.offer("physics")
        team = uow.catalog.offer("data-team")
        groups = {g.name: g for g in uow.groups.all()}
    assert [t.name for t in physics.instance_types] == ["cpu-1", "cpu-2", "gpu-1"]
    assert [i.name for i in physics.images] == ["base-notebook", "physics-root", "tf-2.2", "tf-2.2-gpu"]
    assert {d.name: a.value for d, a in physics.datasets} == {"imagenet": "rw", "calibration": "ro", "team-env": "ro"}
    assert {d.name: a.value for d, a in team.datasets} == {
        "imagenet": "ro",
        "notes-git": "rw",
        "scratch": "ro",
        "team-env": "ro",
    }
    assert dict(groups["physics"].limits) == {
        "cpu": 16000,
        "memory": 64 * 1024**3,
        "amd.com/gpu": 4,
        "nvidia.com/gpu": 4,
        "count/deployments": 3,
    }
    assert dict(groups["physics"].member_limits) == {
        "cpu": 2500,
        "memory": 10 * 1024**3,
        "amd.com/gpu": 1,
        "nvidia.com/gpu": 1,
    }
    # Unset is no limit, 0 is none.
    assert dict(groups["data-team"].limits) == {"cpu": 8000, "memory": 512 * 1024**2, "count/deployments": 0}
    assert groups["data-team"].member_limits["nvidia.com/gpu"] == 0


def test_sizes_images_and_datasets_keep_all_that_the_catalog_can_hold() -> None:
    catalog = parse_catalog(import_primehub(Request([REALM], [CRDS])).text.encode())
    sizes = {t.name: t for t in catalog.instance_types}
    assert sizes["cpu-1"].requests == {"cpu": "500m", "memory": "2Gi"} and sizes["cpu-1"].everyone
    assert sizes["gpu-1"].node_selector == {"gpu.model": "p100"}
    assert [t.manifest() for t in sizes["gpu-1"].tolerations] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    # A request above the limit is one that no pod could have had.
    assert sizes["gpu-1"].requests == {"cpu": "1500m"}
    assert sizes["gpu-amd"].limits == {"cpu": "4", "memory": "16Gi", "amd.com/gpu": "2"}
    assert sizes["gpu-mixed"].limits == {"cpu": "8", "memory": "64Gi", "nvidia.com/gpu": "4"}
    images = {i.name: i for i in catalog.images}
    assert images["tf-2.2"].pull_secret == images["tf-2.2-gpu"].pull_secret == "image-example"
    assert images["tf-2.2-gpu"].reference.endswith("tensorflow-2-gpu")
    assert "bio-unbuilt-x1y2z" not in images and "base-notebook-gpu" not in images
    assert {d.name: (d.kind.value, d.source) for d in catalog.datasets} == {
        "imagenet": ("claim", {"claim": "dataset-imagenet"}),
        "calibration": ("nfs", {"server": "192.0.2.10", "path": "/export/calibration"}),
        "notes-git": (
            "git",
            {"url": "https://git.example.org/team/notes.git", "revision": "main", "secret": "gitsync-notes"},
        ),
        "scratch": ("folder", {"path": "/mnt/scratch"}),
        "team-env": ("environment", {"TEAM_ENV_DB_HOST": "db.example.org", "TEAM_ENV_PORT": "5432"}),
    }


def test_nothing_is_dropped_without_a_word() -> None:
    found = import_primehub(Request([REALM], [CRDS]))
    lost = "\n".join(said(found, Level.LOST))
    for words in (
        "group physics: mlflow-tracking-envs:",
        "group physics: job-default-active-deadline-seconds:",
        "group physics: shared-volume-capacity:",
        "group physics: Dataset missing:",
        "group biology: Image bio-unbuilt-x1y2z:",
        "group biology: role custom-auditor:",
        "group biology: clientRoles.realm-management:",
        "group Data_Team: subgroup juniors:",
        "attribute cost-centre:",
        "group everyone: org.name:",
        "user ann: predefinedEnvs:",
        "user cem: enableInviteUsers:",
        "user bob: realmRoles: ds:imagenet",
        "InstanceType gpu-amd: spec.price:",
        "InstanceType gpu-1: tolerations[1]:",
        "Image physics-root: imageSpec:",
        "Image physics-root: type:",
        "Dataset imagenet: enableUploadServer:",
        "Dataset calibration: annotation mountRoot: /cern",
        "Dataset calibration: annotation launchGroupOnly: false",
        "Dataset team-env: variables.no good:",
        "PhSchedule schedule-nightly:",
        "Secret image-example:",
        "role invitation: open invitations, which end with PrimeHub: 1",
    ):
        assert words in lost, words
    todo = "\n".join(said(found, Level.TODO))
    assert "group physics: admins: put ann, gone into the subgroup /physics/admins" in todo
    assert "user phadmin: realm-admin: give the realm role platform-admin" in todo
    assert "service-account" not in todo
    changed = "\n".join(said(found, Level.CHANGED))
    assert "group Data_Team: name: is now data-team" in changed
    assert "1G is 1Gi" in changed
    # What the catalog cannot hold is not lost to whoever rebuilds it.
    assert "# with apt: libx11-dev, libxpm-dev" in found.text
    assert "# group Data_Team (realm.json)" in found.text


def test_secrets_stay_where_they_are(tmp_path: Path) -> None:
    out = tmp_path / "c.yaml"
    result = run("--realm", REALM, "--crds", CRDS, "-o", out)
    for text in (result.output, out.read_text()):
        assert "hunter" not in text and "aHVudGVy" not in text and "f00d" not in text
    # Values of environment volumes are in there.
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_the_same_realm_gives_the_same_file_in_whatever_order_keycloak_exports_it(tmp_path: Path) -> None:
    realm = json.loads(REALM.read_text())
    for some in (realm["groups"], realm["users"]):
        some.reverse()
        for entry in some:
            entry["attributes"] = dict(reversed(entry.get("attributes", {}).items()))
    (tmp_path / "realm.json").write_text(json.dumps(realm))
    texts = [import_primehub(Request([r], [CRDS], members=True)).text for r in (REALM, tmp_path / "realm.json")]
    assert texts[0] == texts[1]


def test_members_are_written_only_when_asked_for(tmp_path: Path, sqlite_database: Database) -> None:
    assert "members:" not in import_primehub(Request([REALM], [CRDS])).text
    found = import_primehub(Request([REALM], [CRDS], members=True))
    catalog = parse_catalog(found.text.encode())
    assert [(u.name, u.display_name, u.platform_admin) for u in catalog.users] == [
        ("ann", "Ann Lee", False),
        ("bob", "", False),
        ("cem", "Cem", False),
        ("phadmin", "", True),
    ]
    assert {u: m.role for u, m in group(catalog, "physics").members.items()} == {"ann": Role.ADMIN}
    assert {u: m.role for u, m in group(catalog, "data-team").members.items()} == {"ann": Role.ADMIN, "bob": Role.ADMIN}
    assert {u: m.role for u, m in group(catalog, "biology").members.items()} == {"cem": Role.MEMBER}
    lost = said(found, Level.LOST)
    assert "group physics: admins: gone is no member of the group and cannot be its admin" in lost
    assert any(line.startswith("user old: enabled: is off") for line in lost)
    assert any("/Data_Team/juniors" in line for line in lost)
    apply_catalog(sqlite_database, catalog)
    with sqlite_database.read() as uow:
        assert uow.memberships.of_user("ann") == {"physics": Role.ADMIN, "data-team": Role.ADMIN}


def test_without_users_in_the_export_admins_come_from_the_groups(tmp_path: Path) -> None:
    found = imported(tmp_path, a_realm({"name": "a", "attributes": {"admins": ["ann", "Bäd Näme"]}}), members=True)
    assert group(parse_catalog(found.text.encode()), "a").members["ann"].role is Role.ADMIN
    assert any("the export has none" in line for line in said(found, Level.LOST))
    assert any("cannot be its admin" in line for line in said(found, Level.LOST))


def test_keycloaks_separate_files_of_users_are_read_together(tmp_path: Path) -> None:
    (tmp_path / "r-realm.json").write_text(json.dumps(a_realm({"name": "a"})))
    for i, name in enumerate(("ann", "bob")):
        users = {"realm": "primehub", "users": [{"username": name, "groups": ["/a"]}]}
        (tmp_path / f"r-users-{i}.json").write_text(json.dumps(users))
    found = import_primehub(Request(sorted(tmp_path.glob("r-*.json")), members=True))
    assert set(group(parse_catalog(found.text.encode()), "a").members) == {"ann", "bob"}


# The command


def test_a_file_is_replaced_only_by_force(tmp_path: Path) -> None:
    out = tmp_path / "catalog.yaml"
    out.write_text("mine")
    result = run("--realm", REALM, "-o", out)
    assert result.exit_code == 1 and "--force replaces it" in result.output and out.read_text() == "mine"
    assert run("--realm", REALM, "-o", out, "--force").exit_code == 3
    assert load_catalog(out).groups
    assert [f.name for f in tmp_path.iterdir()] == ["catalog.yaml"]


def test_a_file_that_appears_meanwhile_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "catalog.yaml"
    out.write_text("mine")
    monkeypatch.setattr(Path, "exists", lambda _self: False)
    with pytest.raises(Conflict, match="there already"):
        write_file(out, "other", private=False, force=False)
    assert out.read_text() == "mine" and len(list(tmp_path.iterdir())) == 1


def test_nothing_lost_is_status_0_and_a_mistake_is_status_1(tmp_path: Path) -> None:
    realm = tmp_path / "realm.json"
    attributes = {"quota-cpu": ["2"], "enabled-deployment": ["true"]}
    everyone = {"name": "everyone", "realmRoles": ["it:small"]}
    realm.write_text(json.dumps({"realm": "r", "groups": [everyone, {"name": "a", "attributes": attributes}]}))
    (tmp_path / "s.json").write_text(json.dumps(a_size()))
    done = run("--realm", realm, "--crds", tmp_path / "s.json", "-o", tmp_path / "c.yaml")
    assert done.exit_code == 0, done.output
    nowhere = run("--realm", realm, "-o", tmp_path / "no" / "c.yaml")
    assert nowhere.exit_code == 1 and "cannot be written" in nowhere.output
    wrong = run("--realm", tmp_path / "none.json", "-o", tmp_path / "d.yaml")
    assert wrong.exit_code == 1 and "none.json: does not exist" in wrong.output
    assert not (tmp_path / "d.yaml").exists()
    assert run("-o", tmp_path / "d.yaml").exit_code == 2


def test_standard_output_gets_the_catalog_and_nothing_else() -> None:
    result = run("--realm", REALM, "--crds", CRDS, "-o", "-")
    assert len(parse_catalog(result.stdout.encode()).groups) == 5
    assert "Not carried over" in result.stderr


# Roles and names


def test_a_prefix_of_roles_is_asked_for_rather_than_nobody_granted_anything(tmp_path: Path) -> None:
    realm = a_realm({"name": "a", "realmRoles": ["hub:it:small", "other:it:small"]})
    assert "--prefix may be: hub, other" in refused(tmp_path, realm, a_size())
    for prefix in ("hub", "hub:"):
        found = imported(tmp_path, realm, a_size(), prefix=prefix)
        assert group(parse_catalog(found.text.encode()), "a").instance_types == ["small"]
        assert any("role other:it:small" in line for line in said(found, Level.LOST))


def test_writable_by_all_is_written_into_each_group(tmp_path: Path) -> None:
    volume = a_resource("Dataset", "d", type="nfs", nfs={"server": "s", "path": "/"})
    realm = {
        "realm": "r",
        "groups": [
            {"name": "everyone", "realmRoles": ["ds:rw:d", "ds:d"]},
            {"name": "a", "realmRoles": ["ds:d"]},
            {"name": "b"},
        ],
    }
    catalog = parse_catalog(imported(tmp_path, realm, volume).text.encode())
    assert catalog.datasets[0].everyone
    assert [[(d.name, d.access) for d in g.datasets] for g in catalog.groups] == [[("d", AccessMode.READ_WRITE)]] * 2


def test_groups_with_one_name_are_refused_until_one_is_renamed(tmp_path: Path) -> None:
    realm = a_realm({"name": "Data_Team"}, {"name": "data-team"})
    message = refused(tmp_path, realm)
    assert "realm.json: group data-team: name: is data-team here, as is that of group Data_Team" in message
    found = imported(tmp_path, realm, renames={"Data_Team": "data-old"})
    assert {g.name for g in parse_catalog(found.text.encode()).groups} == {"data-old", "data-team"}
    assert any('{"names": {"/Data_Team": "data-old"}}' in line for line in said(found, Level.TODO))
    assert "there is no group nobody" in refused(tmp_path, realm, renames={"nobody": "x"})
    assert "must be 1 to 30" in refused(tmp_path, realm, renames={"Data_Team": "Not OK"})


def test_an_object_name_too_long_is_shortened_in_its_grants_too(tmp_path: Path) -> None:
    long = "a" * 200 + ".b"
    found = imported(tmp_path, a_realm({"name": "a", "realmRoles": [f"it:{long}"]}), a_size(long))
    catalog = parse_catalog(found.text.encode())
    assert group(catalog, "a").instance_types == [catalog.instance_types[0].name]
    assert len(catalog.instance_types[0].name) == 63
    assert any("has 202 characters" in line for line in said(found, Level.CHANGED))


def test_the_same_object_in_two_files_is_taken_once(tmp_path: Path) -> None:
    found = imported(tmp_path, a_realm({"name": "a"}), a_size(), {"kind": "List", "items": [a_size()]})
    assert len(parse_catalog(found.text.encode()).instance_types) == 1
    assert any("word for word" in line for line in said(found, Level.CHANGED))
