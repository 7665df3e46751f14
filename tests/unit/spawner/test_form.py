from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from jupyterhub.spawner import SpawnException

from collegium.domain.errors import Unavailable
from collegium.domain.groups import Membership, Role
from collegium.domain.quota import Limits
from collegium.spawner import choices, form

GOOD = {"group": "physics", "instance_type": "small", "image": "scientific-python"}


class Reader(HTMLParser):
    """Inputs with their attributes, ids, and the ids that descriptions refer to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.inputs: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.labels: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append(tag)
        if tag == "input":
            self.inputs.append(found)
        if tag == "label":
            self.labels.append(str(found["for"]))
        if "id" in found:
            self.ids.append(str(found["id"]))

    def posted(self, group: str, field: str) -> list[dict[str, str | None]]:
        return [i for i in self.inputs if i["name"] == field and str(i["id"]).startswith(f"{field}-{group}-")]


async def read(spawner) -> tuple[str, Reader]:
    html = await spawner.get_options_form()
    return html, Reader(html)


async def test_only_granted_things_of_own_groups_are_offered(bench) -> None:
    html, page = await read(bench.spawner("ann"))
    assert [i["value"] for i in page.inputs if i["name"] == "group"] == ["chemistry", "physics"]
    assert [i["value"] for i in page.posted("physics", "instance_type")] == ["small", "medium", "large"]
    assert [i["value"] for i in page.posted("chemistry", "instance_type")] == ["small", "medium"]
    assert [i["value"] for i in page.posted("chemistry", "image")] == ["scientific-python"]
    assert "biology" not in html.lower()


async def test_each_input_has_a_label_a_unique_id_and_a_description_that_exists(bench) -> None:
    _, page = await read(bench.spawner("ann"))
    assert len(page.ids) == len(set(page.ids))
    for each in page.inputs:
        assert each["type"] == "radio"
        assert each["id"] in page.labels
        assert each["aria-describedby"] in page.ids
    assert page.tags.count("fieldset") == page.tags.count("legend") == 5


async def test_without_a_script_one_consistent_choice_is_preselected(bench) -> None:
    _, page = await read(bench.spawner("bob"))
    checked = {i["name"]: i["value"] for i in page.inputs if "checked" in i}
    assert checked == GOOD
    assert page.tags.count("button") == 1


async def test_cost_and_what_is_left_are_shown(bench) -> None:
    await bench.spawner("ann", "physics", {**GOOD, "instance_type": "large"}).start()
    html, page = await read(bench.spawner("bob"))
    assert "4 CPU, 4 GiB memory" in html
    assert "2 left" in html  # of the group's 6
    assert "4 left" in html  # of bob's own 4
    (small, medium, large) = page.posted("physics", "instance_type")
    assert "disabled" not in small
    assert "disabled" not in medium
    assert "disabled" in large
    assert "ann holds 4" in html
    assert "Group physics: 4 of 6 CPU in use; 4 CPU more was asked" in html


async def test_what_can_never_fit_is_off_and_says_so(bench) -> None:
    with bench.database.write() as uow:
        uow.memberships.put(Membership("physics", "bob", Role.MEMBER, Limits({"cpu": 1000})))
    html, page = await read(bench.spawner("bob"))
    assert ["disabled" in i for i in page.posted("physics", "instance_type")] == [False, True, True]
    assert "which can never fit" in html


async def test_a_group_without_room_is_named_and_nothing_of_it_can_be_chosen(bench) -> None:
    with bench.database.write() as uow:
        uow.groups.put(dataclasses.replace(uow.groups.get("physics"), limits=Limits({"count/servers": 0})))
    html, page = await read(bench.spawner("bob"))
    assert "There is no room for any instance type now" in html
    assert all("disabled" in i for f in ("instance_type", "image") for i in page.posted("physics", f))


async def test_a_viewer_sees_why(bench) -> None:
    html, page = await read(bench.spawner("vic"))
    assert "As viewer you can look but not start servers here." in html
    assert all("disabled" in i for i in page.posted("physics", "instance_type"))


async def test_without_a_group_there_is_an_explanation_whom_to_ask_and_no_button(bench) -> None:
    html, page = await read(bench.spawner("zoe"))
    assert "No group available" in html
    assert "Pat (user admin)" in html
    assert "button" not in page.tags
    assert page.inputs == []


async def test_without_a_database_the_page_says_so(bench, monkeypatch) -> None:
    async def broken(_look):
        raise Unavailable("The database does not answer now; nothing was changed. Try again.")

    monkeypatch.setattr(bench.database, "reading", broken)
    html, page = await read(bench.spawner("ann"))
    assert "does not answer now" in html
    assert "button" not in page.tags


async def test_hostile_names_are_text(bench) -> None:
    evil = "\"><script>alert(1)</script><b class='"
    with bench.database.write() as uow:
        uow.groups.put(
            dataclasses.replace(uow.groups.get("physics"), display_name=evil, description=evil, contact=evil)
        )
        uow.users.put(dataclasses.replace(uow.users.get("admin"), display_name=evil))
    for user in ("bob", "zoe", "vic"):
        html, page = await read(bench.spawner(user))
        assert "alert(1)</script>" not in html
        assert page.tags.count("script") <= 1
        assert "&lt;script&gt;" in html


async def test_the_servers_own_group_comes_first_then_what_was_asked_last(bench) -> None:
    spawner = bench.spawner("ann", "physics", {})
    assert (await choices.gather(spawner)).selected == "physics"
    spawner = bench.spawner("ann", "", {**GOOD, "instance_type": "medium"})
    view = await choices.gather(spawner)
    assert view.selected == "physics"
    physics = next(g for g in view.groups if g.name == "physics")
    assert [t.name for t in physics.instance_types if t.chosen] == ["medium"]
    assert (await choices.gather(bench.spawner("ann", "", {}))).selected == "chemistry"


async def test_each_groups_last_choice_is_remembered(bench) -> None:
    spawner = bench.spawner("ann", "", {})
    asked = {"group": "physics", "instance_type": "large", "image": "single-thread"}
    spawner.user.orm_spawners["physics"] = SimpleNamespace(name="physics", user_options=asked)
    view = await choices.gather(spawner)
    physics = next(g for g in view.groups if g.name == "physics")
    assert [c.name for c in (*physics.instance_types, *physics.images) if c.chosen] == ["large", "single-thread"]


@pytest.mark.parametrize("options", [{"group": ["physics"]}, {"group": {"a": 1}}, ["x"], "x", {"group": "../etc"}])
async def test_odd_earlier_options_do_not_break_the_form(bench, options) -> None:
    spawner = bench.spawner("ann", "", {})
    spawner.orm_spawner.user_options = options
    assert (await choices.gather(spawner)).selected == "chemistry"


async def test_a_running_server_is_linked(bench) -> None:
    spawner = bench.spawner("ann", "", {})
    spawner.user.spawners["physics"] = SimpleNamespace(ready=True)
    html, _ = await read(spawner)
    assert re.search(r'href="/user/ann/physics/">open it', html)


def test_posted_lists_are_unwrapped_and_unknown_names_kept() -> None:
    posted = {"group": ["physics"], "image": ["x"], "odd": ["y"], "_xsrf": ["token"]}
    assert form.options_from(posted) == {"group": "physics", "image": "x", "odd": "y"}


@pytest.mark.parametrize("values", [["physics", "chemistry"], ["physics", "physics"], []])
def test_repeated_values_are_refused(values) -> None:
    with pytest.raises(SpawnException) as caught:
        form.options_from({"group": values})
    assert (caught.value.status_code, caught.value.reason) == (400, "options")
    assert "group" in caught.value.message
