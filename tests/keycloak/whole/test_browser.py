"""What people see with Keycloak: logins, groups, menus, the portal's pages of accounts, and a whole invitation."""

from __future__ import annotations

import re

from playwright.sync_api import Browser, Page, expect

from support.browser import shot as save_shot
from support.browser import start_server
from support.installation import ROOT, until
from support.keycloak_site import SERVICE, KeycloakSite
from support.mail import links

OUTPUT = ROOT / "test-output" / "keycloak"


def shot(page: Page, name: str) -> None:
    save_shot(page, name, OUTPUT)


def open_login(page: Page, site: KeycloakSite) -> None:
    """To Keycloak's form, by the hub's own login page."""
    page.goto(f"{site.hub.url}/hub/home")
    page.get_by_role("link", name=re.compile("Sign in with Keycloak", re.I)).or_(
        page.get_by_role("button", name=re.compile("Sign in with Keycloak", re.I))
    ).first.click()


def fill(page: Page, name: str, password: str) -> None:
    expect(page.locator("#kc-form-login")).to_be_visible()
    page.fill("#username", name)
    page.fill("#password", password)
    page.click("#kc-login")


def log_in(page: Page, site: KeycloakSite, name: str) -> None:
    open_login(page, site)
    fill(page, name, site.realm.password(name))
    page.wait_for_url("**/hub/home*")


def cards(page: Page) -> dict[str, str]:
    """Group → role as the home page shows them."""
    rows = page.locator(".card.home-server-row")
    return {str(row.get_attribute("data-server-name")): row.locator(".badge").last.inner_text() for row in rows.all()}


def open_portal(page: Page, site: KeycloakSite, place: str = "") -> None:
    page.goto(f"{site.hub.url}{SERVICE}/portal#/{place}")
    expect(page.locator(".clg-nav")).to_be_visible()


def test_a_member_of_two_groups(page: Page, site: KeycloakSite) -> None:
    """Login, both groups and no third, a server with its sidebar, the menu, and a logout that is one."""
    site.realm.logout_user("ann")
    open_login(page, site)
    shot(page, "01-keycloak-login")
    fill(page, "ann", site.realm.password("ann"))
    page.wait_for_url("**/hub/home*")
    assert cards(page) == {"physics": "group admin", "chemistry": "member"}
    expect(page.locator("body")).not_to_contain_text("Biology")
    shot(page, "02-home")

    page.click("#collegium-menu")
    account = f"{site.realm.issuer}/account"
    assert str(page.locator("#menu-profile").get_attribute("href")).startswith(account)
    assert site.realm.url in str(page.locator("#menu-password").get_attribute("href"))
    shot(page, "03-menu")
    page.keyboard.press("Escape")

    start_server(page, site.hub, "ann", "physics", "small")
    page.locator('.jp-SideBar [data-id="collegium-panel"]').click()
    expect(page.get_by_test_id("collegium-usage-group")).to_be_visible()
    expect(page.locator(".jp-Launcher")).to_be_visible()
    shown = page.get_by_test_id("collegium-group-select").first.locator("option").all_inner_texts()
    assert sorted(text.split(" (")[0] for text in shown) == ["Chemistry", "Physics"]
    shot(page, "04-lab")

    page.goto(f"{site.hub.url}/hub/home")
    page.click("#collegium-menu")
    page.click("#menu-profile")
    page.wait_for_url(f"{account}/**")
    expect(page.get_by_text("Personal info").first).to_be_visible()
    shot(page, "05-account-console")

    page.goto(f"{site.hub.url}/hub/home")
    page.click("#collegium-menu")
    page.click("#logout")
    page.wait_for_url("**/hub/login*")
    until("the session is over at Keycloak", lambda: not site.realm.sessions("ann"))
    # The next login asks for the password.
    open_login(page, site)
    expect(page.locator("#kc-form-login")).to_be_visible()
    page.goto(f"{site.hub.url}/user/ann/physics/lab")
    expect(page.locator("#jupyterlab-splash, .jp-LabShell")).to_have_count(0)
    site.hub.as_admin("DELETE", "/users/ann/servers/physics")


def test_nobody_without_a_group_is_left_alone(page: Page, site: KeycloakSite) -> None:
    log_in(page, site, "zoe")
    expect(page.locator("body")).to_contain_text("No group available")
    assert cards(page) == {}
    shot(page, "06-no-group")


def test_a_password_is_changed_from_the_menu(page: Page, site: KeycloakSite) -> None:
    site.realm.create_user("pia", "/physics", password="the first one")
    log_in(page, site, "pia")
    page.click("#collegium-menu")
    page.click("#menu-password")
    expect(page.get_by_text("Basic authentication")).to_be_visible()
    shot(page, "07-change-password")
    page.get_by_role("button", name="Update", exact=True).or_(
        page.get_by_role("link", name="Update", exact=True)
    ).click()
    page.fill("#password-new", "another one")
    page.fill("#password-confirm", "another one")
    page.locator("#kc-passwd-update-form [type=submit]").first.click()
    expect(page.get_by_text("Basic authentication")).to_be_visible()
    site.realm.passwords["pia"] = "another one"
    assert site.login("pia").roles == {"physics": "member"}


def test_users_are_looked_after(page: Page, site: KeycloakSite, chrome: Browser) -> None:
    """List, search, create, give a password, disable: by a platform admin, in the portal."""
    log_in(page, site, "admin")
    open_portal(page, site, "users")
    users = page.get_by_test_id("collegium-users")
    expect(users.locator("[data-user=ann]")).to_contain_text("physics (group admin)")
    shot(page, "08-users")
    page.get_by_test_id("collegium-new-user").click()
    form = page.get_by_test_id("collegium-user-form")
    form.get_by_label("User name").fill("nora")
    form.get_by_label("E-mail").fill("nora@example.test")
    form.get_by_label("First name").fill("Nora")
    form.get_by_label("Last name").fill("Nil")
    form.get_by_test_id("collegium-add-group").select_option("chemistry")
    shot(page, "09-new-user")
    form.get_by_role("button", name="Create").click()
    user = page.get_by_test_id("collegium-user")
    expect(user).to_have_attribute("data-user", "nora")
    assert site.realm.groups_of("nora") == ["/chemistry"]
    assert [a for a in links(site.mail.wait_for("nora@example.test")) if "action-token" in a]

    page.get_by_test_id("collegium-user-password").click()
    page.locator("dialog[open] button[type=submit]").first.click()
    password = page.get_by_test_id("collegium-password").input_value()
    assert len(password) >= 12
    shot(page, "10-password")
    site.realm.change_user("nora", requiredActions=["UPDATE_PASSWORD"])
    context = chrome.new_context()
    theirs = context.new_page()
    open_login(theirs, site)
    fill(theirs, "nora", password)
    theirs.fill("#password-new", "chosen by nora")
    theirs.fill("#password-confirm", "chosen by nora")
    theirs.locator("#kc-passwd-update-form [type=submit]").first.click()
    theirs.wait_for_url("**/hub/home*")
    assert cards(theirs) == {"chemistry": "member"}

    page.get_by_test_id("collegium-user-enable").click()
    page.locator("dialog[open] button[type=submit]").first.click()
    expect(user.get_by_text("disabled", exact=True)).to_be_visible()
    theirs.goto(f"{site.hub.url}/hub/home")
    theirs.wait_for_url("**/hub/login*")
    context.close()
    page.get_by_test_id("collegium-problem").count()
    page.locator(".clg-nav").get_by_role("link", name="Identity").click()
    expect(page.get_by_test_id("collegium-identity")).to_be_visible()
    expect(page.get_by_test_id("collegium-missing")).to_have_count(0)
    shot(page, "11-identity")


def test_an_invitation_from_end_to_end(page: Page, site: KeycloakSite, chrome: Browser) -> None:
    """Made by a group admin, mailed, opened, registered, password set behind Keycloak's mail, and in the group."""
    log_in(page, site, "ann")
    open_portal(page, site, "groups/physics/invitations")
    page.get_by_test_id("collegium-invite").click()
    form = page.get_by_test_id("collegium-invitation-form")
    form.get_by_label("Only this address").fill("ida@example.test")
    form.get_by_label("Send the link to this address").check()
    form.get_by_test_id("collegium-invitation-create").click()
    link = page.get_by_test_id("collegium-link").input_value()
    assert link.startswith(f"{site.hub.url}{SERVICE}/invitation#")
    expect(page.get_by_text("It was also sent to ida@example.test.")).to_be_visible()
    shot(page, "12-invited")
    (mailed,) = [a for a in links(site.mail.wait_for("ida@example.test")) if "/invitation#" in a]
    assert mailed == link

    context = chrome.new_context()
    guest = context.new_page()
    guest.goto(mailed)
    card = guest.get_by_test_id("collegium-invitation")
    expect(card).to_contain_text("You are invited to Physics")
    shot(guest, "13-invitation")
    guest.get_by_test_id("collegium-new-here").click()
    guest.get_by_label("User name").fill("ida")
    guest.get_by_label("E-mail").fill("ida@example.test")
    guest.get_by_label("First name").fill("Ida")
    guest.get_by_label("Last name").fill("Idle")
    guest.get_by_role("button", name="Create my account").click()
    expect(guest.get_by_test_id("collegium-registered")).to_contain_text("ida@example.test")
    shot(guest, "14-registered")

    welcome = site.mail.wait_for("ida@example.test", lambda m: any("action-token" in a for a in links(m)))
    (action,) = [a for a in links(welcome) if "action-token" in a]
    guest.goto(action)
    guest.get_by_role("link", name=re.compile("Click here to proceed", re.I)).click()
    guest.fill("#password-new", "chosen by ida")
    guest.fill("#password-confirm", "chosen by ida")
    shot(guest, "15-choose-password")
    guest.locator("#kc-passwd-update-form [type=submit]").first.click()
    expect(guest.locator("body")).to_contain_text(re.compile("updated|verified", re.I))
    open_login(guest, site)
    if guest.locator("#kc-form-login").count():
        fill(guest, "ida", "chosen by ida")
    guest.wait_for_url("**/hub/home*")
    assert cards(guest) == {"physics": "member"}
    shot(guest, "16-first-login")
    context.close()

    other = chrome.new_context()
    second = other.new_page()
    second.goto(mailed)
    expect(second.get_by_test_id("collegium-invitation")).to_have_attribute("data-state", "used up")
    shot(second, "17-used-up")
    other.close()
    page.reload()
    expect(page.get_by_test_id("collegium-invitations")).to_contain_text("1 of 1")
    page.locator(".clg-nav").get_by_role("link", name="Members").first.click()
    expect(page.get_by_test_id("collegium-members").locator("[data-user=ida]")).to_contain_text("Member")
    page.locator(".clg-nav").get_by_role("link", name="Audit log").first.click()
    expect(page.locator("main")).to_contain_text("invitation.register")
    shot(page, "18-audit")
    assert link.partition("#")[2] not in site.hub.log.read_text(errors="replace")
