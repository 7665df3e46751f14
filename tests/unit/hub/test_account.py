from __future__ import annotations

from pathlib import Path

from collegium.hub.account import Account, access_scope, scope_choices
from collegium.hub.scopes import CUSTOM_SCOPES, PREFIX
from collegium.identity.settings import ClientSettings, KeycloakSettings


def test_profile_and_password_are_keycloak_s() -> None:
    assert Account.of(None) == Account("", "")
    login = ClientSettings(client_id="collegium", client_secret_file=Path("/nowhere"))
    account = Account.of(KeycloakSettings(issuer="https://login.example.org/realms/lab", login=login))
    assert account.profile_url == "https://login.example.org/realms/lab/account/"
    assert account.password_url == "https://login.example.org/realms/lab/account/account-security/signing-in"


def test_platform_admins_choose_from_all_scopes_and_others_from_theirs() -> None:
    everything = {c.name for c in scope_choices(platform_admin=True)}
    assert everything == set(CUSTOM_SCOPES)
    assert everything - {c.name for c in scope_choices(platform_admin=False)} == {
        f"{PREFIX}users:read",
        f"{PREFIX}users:write",
    }


def test_a_choice_says_what_comes_along_and_whether_a_group_can_hold_it() -> None:
    choices = {c.name.removeprefix(PREFIX): c for c in scope_choices(platform_admin=True)}
    assert choices["jobs:write"].includes == (f"{PREFIX}jobs:read",)
    assert choices["jobs:write"].of_group
    assert {name for name, c in choices.items() if not c.of_group} == {
        "invitations:accept",
        "users:read",
        "users:write",
    }
    assert access_scope() == "access:services!service=collegium"
