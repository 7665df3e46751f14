"""Rows of datasets, their versions, health and uses, and of volumes, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import IntegrityError

from collegium.db import Database
from collegium.domain.catalog import AccessMode, Dataset, Grant, GrantKind, SourceKind
from collegium.domain.datasets import DatasetUse, DatasetVersion, Health, SourceHealth, VersionState
from collegium.domain.files import PLATFORM
from collegium.domain.groups import Group, ManagedBy
from collegium.domain.secrets import Secret, SecretKind
from collegium.domain.volumes import Volume, VolumeKind

MOMENT = datetime(2026, 5, 1, 12, tzinfo=UTC)
RO, RW = AccessMode.READ_ONLY, AccessMode.READ_WRITE


def dataset(name: str, **changes: object) -> Dataset:
    made = Dataset(name, name.title(), SourceKind.MANAGED, {}, managed_by=ManagedBy.API, owner="physics")
    made = replace(made, created_by="mia", created_at=MOMENT, updated_at=MOMENT, tags=("a",), licence="MIT")
    return replace(made, **changes)  # type: ignore[arg-type]


def version(name: str = "digits", number: int = 1, state: VersionState = VersionState.READY) -> DatasetVersion:
    return DatasetVersion(name, number, state, "mia", MOMENT, owner="physics", manifest="m", tables=({"path": "a"},))


def use(number: int | None = None, workload: str = "job-x") -> DatasetUse:
    return DatasetUse("digits", number, "job", workload, "physics", "mia", RO, MOMENT, label="train")


def test_made_found_changed_and_removed(database: Database) -> None:
    with database.write() as uow:
        uow.datasets.insert(dataset("digits"))
        uow.datasets.insert(dataset("letters", description="From A to Z"))
        assert uow.datasets.get("digits") == dataset("digits")
        assert uow.datasets.count("physics") == 2
        uow.datasets.change(dataset("digits", description="Anew", tags=()))
        assert [d.name for d in uow.datasets.page(None, "to z", "", 9)] == ["letters"]
        assert [d.name for d in uow.datasets.page(None, "", "a", 9)] == ["letters"]
        assert [d.name for d in uow.datasets.page({"digits"}, "", "", 9)] == ["digits"]
        assert [d.name for d in uow.datasets.page(None, "", "", 1, "digits")] == ["letters"]
        assert [d.name for d in uow.catalog.datasets()] == ["digits", "letters"]
    with database.write() as uow:
        uow.datasets.grant("physics", "digits", RW)
        uow.datasets.begin_delete("digits", MOMENT)
        assert uow.datasets.get("digits") is None and uow.datasets.taken("digits")
        assert [d.name for d in uow.datasets.deleting()] == ["digits"] and uow.datasets.hold(["digits"]) == set()
        assert "digits" not in [d.name for d in uow.catalog.datasets()] and uow.datasets.access("physics") == {}
        uow.dataset_versions.insert(version())
        uow.dataset_uses.begin(use())
        uow.datasets.remove("digits")
        assert not uow.datasets.taken("digits") and not uow.dataset_uses.page("digits")


def test_a_name_is_there_once(database: Database) -> None:
    with database.write() as uow:
        uow.datasets.insert(dataset("digits"))
    with pytest.raises(IntegrityError), database.write() as uow:
        uow.datasets.insert(dataset("digits", owner="chemistry"))


def test_grants_of_the_file_and_of_the_api(database: Database) -> None:
    file = replace(dataset("digits"), managed_by=ManagedBy.FILE, owner="")
    with database.write() as uow:
        uow.catalog.replace(ManagedBy.FILE, [], [], [file], [Grant("*", GrantKind.DATASET, "digits", RO)])
        uow.datasets.grant("physics", "digits", RW)
        assert (uow.datasets.access_to("physics", "digits"), uow.datasets.access_to("x", "digits")) == (RW, RO)
        assert uow.catalog.offer("physics").datasets[0][1] is RW
        # Who applies the file again leaves what the API made, but where both say something.
        grants = [Grant(g, GrantKind.DATASET, "digits", RO) for g in ("*", "physics")]
        uow.catalog.replace(ManagedBy.FILE, [], [], [file], grants)
        uow.datasets.grant("chemistry", "digits", RW)
        found = {g.group: (g.access, g.managed_by) for g in uow.datasets.grants(["digits"])["digits"]}
        by_file, by_api = ManagedBy.FILE, ManagedBy.API
        assert found == {"*": (RO, by_file), "physics": (RO, by_file), "chemistry": (RW, by_api)}
        # A grant does not wait for another dataset of the same name.
        uow.catalog.replace(ManagedBy.FILE, [], [], [], [])
        assert uow.datasets.grants(["digits"])["digits"] == []


def test_numbers_are_given_out_once(database: Database) -> None:
    with database.write() as uow:
        uow.datasets.insert(dataset("digits"))
    numbers: list[int] = []

    def take() -> None:
        with database.write() as uow:
            uow.datasets.get("digits", lock=True)
            numbers.append(uow.dataset_versions.next_number("digits"))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 9))
    with database.write() as uow:
        uow.datasets.remove("digits")
        assert uow.dataset_versions.next_number("digits") == 9


def test_versions(database: Database) -> None:
    with database.write() as uow:
        made, ready = version(number=2, state=VersionState.MAKING), version()
        uow.dataset_versions.insert(ready)
        uow.dataset_versions.insert(made)
        uow.dataset_versions.insert(version("letters", 7, VersionState.FAILED))
        assert uow.dataset_versions.get("digits", 1) == ready
        assert uow.dataset_versions.ready("digits") == ready == uow.dataset_versions.ready("digits", 1)
        assert uow.dataset_versions.ready("digits", 2) is None
        assert uow.dataset_versions.unsettled() == [made]
        assert [v.number for v in uow.dataset_versions.page("digits", 9)] == [2, 1]
        assert [v.number for v in uow.dataset_versions.page("digits", 9, 2)] == [1]
        counts = uow.dataset_versions.counts(["digits", "letters", "nosuch"])
        assert (counts["digits"].count, counts["digits"].latest, counts["letters"].latest) == (2, ready, None)
        assert uow.dataset_versions.newest(["digits", "letters"]) == {"digits": (2, "Making"), "letters": (7, "Failed")}
        # Whoever was faster wins.
        assert uow.dataset_versions.change(made, replace(made, state=VersionState.DELETING))
        assert not uow.dataset_versions.change(made, replace(made, state=VersionState.READY))
        assert uow.dataset_versions.has_manifest("digits", "m", besides=1)
        uow.dataset_versions.delete(made)
        assert not uow.dataset_versions.has_manifest("digits", "m", besides=1)


def test_health_is_what_was_found_last(database: Database) -> None:
    well = SourceHealth("digits", Health.OK, "", MOMENT, files=1, bytes=2)
    here = SourceHealth("digits", Health.MISSING, "no claim", MOMENT, "physics")
    with database.write() as uow:
        uow.dataset_health.put("digits", [well, here])
        assert uow.dataset_health.get("digits", "physics") == here
        assert uow.dataset_health.get("digits", "chemistry") == well == uow.dataset_health.get("digits")
        uow.dataset_health.put("digits", [well])
        assert uow.dataset_health.of(["digits"]) == {("digits", ""): well}
        uow.dataset_health.keep_only(["letters"])
        assert uow.dataset_health.get("digits") == SourceHealth("digits")


def test_uses(database: Database) -> None:
    with database.write() as uow:
        for _ in range(2):
            uow.dataset_uses.begin(use())
        uow.dataset_uses.begin(use(3))
        uow.dataset_uses.begin(use(workload="job-y"))
        assert uow.dataset_uses.live("digits", "physics") == [use(), use(3), use(workload="job-y")]
        assert uow.dataset_uses.live("digits", version=3) == [use(3)]
        assert uow.dataset_uses.count_live(["digits", "letters"]) == {"digits": 2}
        assert uow.dataset_uses.end("job", "job-x", MOMENT) == 2
        assert uow.dataset_uses.end("job", "job-x", MOMENT) == 0
        assert uow.dataset_uses.live("digits") == [use(workload="job-y")]
        # The same workload may have it once more: a server is started again.
        uow.dataset_uses.begin(use())
        first = uow.dataset_uses.page("digits", limit=2)
        assert [u.ended_at for _, u in first] == [None, None]
        rest = uow.dataset_uses.page("digits", before=first[-1][0])
        assert [(u.version, u.ended_at) for _, u in rest] == [(3, MOMENT), (None, MOMENT)]
        assert len(uow.dataset_uses.page("digits", kind="server")) == 0


def test_volumes_keep_what_was_asked(database: Database) -> None:
    home = Volume(VolumeKind.HOME, "home-a", "physics", "mia", 10, None, "Bound", "", True)
    with database.write() as uow:
        uow.volumes.replace([home, Volume(VolumeKind.FILES, "disk")])
        uow.volumes.ask("physics", "home-a", 20)
        assert [v.name for v in uow.volumes.wanted()] == ["home-a"]
        uow.volumes.replace([home])
        assert uow.volumes.all() == [replace(home, wanted=20)]
        uow.volumes.replace([replace(home, capacity=20)])
        assert uow.volumes.get("physics", "home-a") == replace(home, capacity=20)


def test_secrets_of_the_platform_and_their_uses(database: Database) -> None:
    def secret(group: str, name: str, *groups: str) -> Secret:
        return Secret(group, name, "", "root", MOMENT, "root", MOMENT, SecretKind.GIT, groups)

    git = {"url": "https://example.org/a", "secret": "deploy"}
    with database.write() as uow:
        for name in ("physics", "chemistry"):
            uow.groups.put(Group(name, name))
        uow.secrets.put(secret(PLATFORM, "deploy", "physics"), "sealed")
        assert set(uow.secrets.usable("physics", ["deploy"])) == {"deploy"} and not uow.secrets.usable("x", ["deploy"])
        assert [s.name for s in uow.secrets.shared("physics")] == ["deploy"] and uow.secrets.shared("chemistry") == []
        uow.datasets.insert(dataset("digits", kind=SourceKind.GIT, source=git))
        assert [u.kind for u in uow.secrets.uses(PLATFORM)["deploy"]] == ["dataset"]
        # The group's own of the same name wins, and is what is used then.
        uow.secrets.put(secret("physics", "deploy"), "own")
        assert uow.secrets.usable("physics", ["deploy"])["deploy"][1] == "own"
        assert "deploy" not in uow.secrets.uses(PLATFORM) and uow.secrets.uses("physics")["deploy"]
        # A variable called "secret" is no secret.
        uow.datasets.insert(dataset("other", kind=SourceKind.ENVIRONMENT, source={"secret": "x"}))
        assert "x" not in uow.secrets.uses("physics")
