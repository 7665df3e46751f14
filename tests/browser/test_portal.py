"""Accounts in the browser, where the hub itself keeps them: menu, tokens, portal, and the page of invitations."""

from __future__ import annotations

import re

from playwright.sync_api import ConsoleMessage, Page, TimeoutError, expect

from support.browser import log_in, shot, start_server
from support.installation import Installation as Hub
from support.installation import until

SERVICE = "services/collegium"


def violations(page: Page) -> list[str]:
    """A list that fills with what the page's own policy forbade."""
    found: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            found.append(message.text)

    page.on("console", note)
    return found


def open_portal(page: Page, hub: Hub, user: str, place: str = "") -> None:
    log_in(page, hub, user)
    page.goto(f"{hub.url}/{SERVICE}/portal#/{place}")
    expect(page.locator(".clg-nav")).to_be_visible()


def test_the_menu_of_the_hub_leads_to_tokens_and_portal(page: Page, hub: Hub) -> None:
    log_in(page, hub, "ann")
    menu = page.locator("#collegium-menu")
    menu.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#menu-portal")).to_be_visible()
    # Without Keycloak the hub has no profile and no password to change.
    expect(page.locator("#menu-profile")).to_have_count(0)
    expect(page.locator("#menu-password")).to_have_count(0)
    shot(page, "20-hub-menu")
    page.keyboard.press("Escape")
    expect(page.locator("#menu-portal")).to_be_hidden()
    menu.click()
    page.click("#menu-portal")
    page.wait_for_url(f"**/{SERVICE}/portal*")
    expect(page.get_by_role("heading", name="Your groups")).to_be_visible()
    page.goto(f"{hub.url}/hub/home")
    page.click("#collegium-menu")
    page.click("#logout")
    expect(page.locator("#login_submit, #login")).not_to_have_count(0)


def test_a_token_for_one_group_opens_that_group_alone(page: Page, hub: Hub) -> None:
    log_in(page, hub, "ann")
    page.goto(f"{hub.url}/hub/token")
    page.fill("#token-note", "nightly")
    page.check("#collegium-some")
    page.click("#request-token-form button[type=submit]")
    expect(page.locator("#collegium-nothing")).to_be_visible()
    page.get_by_label(re.compile("Submit, schedule, rerun and cancel jobs")).check()
    page.select_option("#collegium-group", "physics")
    # What comes along is shown, and what a group cannot hold cannot be chosen.
    expect(page.get_by_label(re.compile("See jobs, schedules, logs and artifacts"))).to_be_disabled()
    expect(page.get_by_label(re.compile("Accept an invitation"))).to_be_disabled()
    # That is for platform admins.
    expect(page.get_by_label(re.compile("See all users"))).to_have_count(0)
    expect(page.locator("#token-scopes")).to_have_value(
        "custom:collegium:jobs:write!group=physics access:services!service=collegium"
    )
    shot(page, "21-token")
    page.click("#request-token-form button[type=submit]")
    expect(page.locator("#token-result")).not_to_be_empty()
    token = page.locator("#token-result").inner_text().strip()
    assert hub.request("GET", "/groups/physics/jobs", token)[0] == 200
    status, answer = hub.request("GET", "/groups/chemistry/jobs", token)
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert "custom:collegium:jobs:read" in answer["error"]["message"]
    assert hub.request("GET", f"{hub.url}/hub/api/users/ann/tokens", token)[0] == 403
    page.reload()
    row = page.locator("#api-tokens-table .token-row", has_text="nightly")
    expect(row.locator(".time-col").first).not_to_contain_text("Never")
    row.locator(".revoke-token-btn").click()
    expect(row).to_have_count(0)


def test_members_see_each_other_and_admins_more(page: Page, hub: Hub) -> None:
    forbidden = violations(page)
    open_portal(page, hub, "ann", "groups/physics/members")
    expect(page.get_by_role("heading", name="Physics: Members")).to_be_visible()
    members = page.get_by_test_id("collegium-members")
    expect(members.locator("[data-user=ann]")).to_contain_text("Group admin")
    expect(members.locator("[data-user=vic]")).to_contain_text("Viewer")
    expect(members.locator("[data-user=cem]")).to_have_count(0)
    shot(page, "22-members")
    navigation = page.locator(".clg-nav")
    navigation.get_by_role("link", name="Audit log").click()
    expect(page.get_by_role("heading", name="Physics: Audit log")).to_be_focused()
    expect(page.get_by_test_id("collegium-problem")).to_have_count(0)
    navigation.get_by_role("link", name="Revoked work").click()
    expect(page.get_by_test_id("collegium-empty")).to_be_visible()
    navigation.get_by_role("link", name="Invitations").click()
    expect(page.get_by_test_id("collegium-invitations-off")).to_contain_text("Keycloak")
    shot(page, "23-invitations-off")
    page.get_by_test_id("collegium-group-select").select_option("chemistry")
    page.wait_for_url("**#/groups/chemistry/**")
    # A plain member there: no administration, and nothing of the platform.
    expect(navigation.get_by_role("link", name="Members")).to_be_visible()
    expect(navigation.get_by_role("link", name="Invitations")).to_have_count(0)
    expect(navigation.get_by_role("link", name="Users")).to_have_count(0)
    assert forbidden == []


def test_a_strange_group_is_told_plainly(page: Page, hub: Hub) -> None:
    open_portal(page, hub, "bob", "groups/biology/members")
    expect(page.get_by_test_id("collegium-problem")).to_contain_text("no group biology that you belong to")


def test_platform_admins_learn_what_is_missing(page: Page, hub: Hub) -> None:
    open_portal(page, hub, "admin", "users")
    expect(page.get_by_test_id("collegium-problem")).to_contain_text("Keycloak")
    expect(page.get_by_test_id("collegium-new-user")).to_have_count(0)
    shot(page, "24-users-missing")
    page.locator(".clg-nav").get_by_role("link", name="Identity").click()
    expect(page.get_by_test_id("collegium-identity")).to_be_visible()
    expect(page.get_by_test_id("collegium-missing")).to_contain_text("Keycloak")
    shot(page, "25-identity")
    page.locator(".clg-nav").get_by_role("link", name="Audit log").last.click()
    expect(page.get_by_role("heading", name="Audit log of the platform")).to_be_visible()
    expect(page.get_by_test_id("collegium-problem")).to_have_count(0)


def test_the_menus_of_portal_and_landing_page(page: Page, hub: Hub) -> None:
    open_portal(page, hub, "ann")
    menu = page.get_by_test_id("collegium-menu")
    menu.locator("summary").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_test_id("collegium-menu-tokens")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("collegium-menu-tokens")).to_be_hidden()
    expect(menu.locator("summary")).to_be_focused()
    expect(page.get_by_test_id("collegium-menu-password")).to_have_count(0)
    page.locator(".clg-brand").click()
    page.locator(".menu summary").click()
    shot(page, "26-landing")
    page.locator(".menu").get_by_role("link", name="API tokens").click()
    page.wait_for_url("**/hub/token")


def test_a_link_that_is_no_invitation(page: Page, hub: Hub) -> None:
    forbidden = violations(page)
    page.goto(f"{hub.url}/{SERVICE}/invitation#cinv_thisnobodyhasevermade0123456789")
    notice = page.get_by_test_id("collegium-invitation")
    expect(notice).to_have_attribute("data-state", "unknown")
    expect(notice).to_contain_text("This is not an invitation")
    # Neither the address bar nor any log holds what opens a group.
    assert page.evaluate("location.href") == f"{hub.url}/{SERVICE}/invitation"
    assert "thisnobodyhasevermade" not in hub.log.read_text(errors="replace")
    shot(page, "27-no-invitation")
    page.reload()
    expect(notice).to_have_attribute("data-state", "none")
    assert forbidden == []


def test_who_has_an_account_comes_back_after_the_login(page: Page, hub: Hub) -> None:
    page.goto(f"{hub.url}/{SERVICE}/invitation/accept#cinv_lostonthewaythroughthelogin012345")
    page.fill("input[name=username]", "zoe")
    page.fill("input[name=password]", hub.password("zoe"))
    page.click("#login_submit")
    page.wait_for_url(f"**/{SERVICE}/invitation/accept*")
    expect(page.get_by_text("zoe", exact=True)).to_be_visible()


def test_the_sidebar_has_the_menu(page: Page, hub: Hub) -> None:
    log_in(page, hub, "cem")
    start_server(page, hub, "cem", "chemistry", "small")
    page.locator('.jp-SideBar [data-id="collegium-panel"]').click()
    # While JupyterLab still loads, what opens last takes the focus, and a menu without it closes, as it should.
    expect(page.locator(".jp-Launcher-body").first).to_be_visible()
    menu, link = page.get_by_test_id("collegium-menu"), page.get_by_test_id("collegium-menu-portal")

    def choose() -> bool:
        if not link.is_visible():
            menu.locator("summary").click()
        shot(page, "28-sidebar-menu")
        try:
            link.click(timeout=5000)
        except TimeoutError:
            return False
        return True

    with page.expect_popup() as popup:
        until("the portal was chosen", choose)
    expect(popup.value.get_by_role("heading", name="Your groups")).to_be_visible()
