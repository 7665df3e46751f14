import itertools

import pytest

from collegium.domain.catalog import Image, InstanceType, Offer
from collegium.domain.errors import DomainError, Forbidden, InvalidInput, NotFound, NotGranted
from collegium.domain.groups import Actor, Role
from collegium.domain.launch import LaunchOptions, resolve
from collegium.domain.policy import NEEDS_MEMBERSHIP, POLICY, Operation, explain
from collegium.domain.resources import Resources

OFFER = Offer(
    "physics",
    (InstanceType("small", "Small", Resources.parse({"cpu": "1"})),),
    (Image("python", "Python", environment="hub"),),
)


def test_every_operation_has_a_row() -> None:
    assert set(POLICY) == set(Operation)


@pytest.mark.parametrize(("operation", "role", "own"), list(itertools.product(Operation, [None, *Role], [True, False])))
def test_the_table_decides_and_says_why(operation: Operation, role: Role | None, own: bool) -> None:
    actor = Actor("ann", {"physics": role} if role else {})
    verdict = explain(actor, operation, "physics", owner="ann" if own else "bob")
    rule = POLICY[operation]
    needed = rule.role if own or not rule.others else rule.others
    by_role = needed is None or (role is not None and role.rank >= needed.rank)
    assert verdict.allowed == (by_role and not rule.platform)
    assert operation.value in verdict.reason


@pytest.mark.parametrize("operation", Operation)
def test_platform_admins_may_all_but_act_as_members(operation: Operation) -> None:
    verdict = explain(Actor("root", {}, platform_admin=True), operation, "physics", owner="bob")
    assert verdict.allowed == (operation not in NEEDS_MEMBERSHIP)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, InvalidInput),
        (None, InvalidInput),
        ([], InvalidInput),
        ("physics", InvalidInput),
        ({"group": "physics"}, InvalidInput),
        ({"group": "physics", "instance_type": "small", "image": ""}, InvalidInput),
        ({"group": "physics", "instance_type": "small", "image": "python", "cpu": "99"}, InvalidInput),
        ({"group": ["physics"], "instance_type": "small", "image": "python"}, InvalidInput),
        ({"group": "physics\n", "instance_type": "small", "image": "python"}, InvalidInput),
        ({"group": "chemistry", "instance_type": "small", "image": "python"}, NotFound),
        ({"group": "physics", "instance_type": "huge", "image": "python"}, NotGranted),
        ({"group": "physics", "instance_type": "small", "image": "other"}, NotGranted),
    ],
)
def test_nothing_falls_open(options: object, error: type[DomainError]) -> None:
    with pytest.raises(error):
        resolve(Actor("ann", {"physics": Role.ADMIN}), LaunchOptions.from_json(options), OFFER, Operation.SERVER_START)


def test_a_viewer_starts_nothing() -> None:
    options = LaunchOptions("physics", "small", "python")
    with pytest.raises(Forbidden, match=r"server\.start needs the role member in group physics; you are viewer"):
        resolve(Actor("vic", {"physics": Role.VIEWER}), options, OFFER, Operation.SERVER_START)


def test_what_is_granted_resolves() -> None:
    options = LaunchOptions.from_json({"group": "physics", "instance_type": "small", "image": "python"})
    spec = resolve(Actor("ann", {"physics": Role.MEMBER}), options, OFFER, Operation.SERVER_START)
    assert (spec.group, spec.user, spec.image.name, spec.resources["cpu"]) == ("physics", "ann", "python", 1000)
