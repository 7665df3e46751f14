"""The realm's public keys, and whether a token was signed with one of them and says what it must."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import jwt

from collegium.domain.errors import Misconfigured, shorten
from collegium.identity.fetch import Answer

#: What a public key can verify; ``none`` and ``HS*`` are not among them, whatever discovery says.
ASYMMETRIC = frozenset(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"])
#: Seconds by which clocks may differ.
LEEWAY = 60
#: Seconds for which keys are believed, and between two looks for one that is not among them.
KEYS_AGE, REFETCH_PAUSE = 600.0, 10.0
MAX_TOKEN = 64 * 1024


class Refused(Exception):
    """A token that must not be believed; ``check`` is the one that failed. Its text quotes nothing of the token."""

    def __init__(self, what: str, check: str, problem: str) -> None:
        super().__init__(f"Keycloak's {what} was refused ({check}): {problem}.")
        self.check = check


class Keys:
    """Keys by id. One that is unknown is looked for anew, but not at the bidding of anybody who sends a token."""

    def __init__(self, look: Callable[[], Awaitable[Answer]], clock: Callable[[], float] = time.monotonic) -> None:
        self._look, self._clock = look, clock
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._read_at: float | None = None
        self.skew: float | None = None

    async def find(self, what: str, kid: str, ours: bool) -> Mapping[str, Any]:
        """The key. ``ours``: the token answers a question of ours, so a strange key is a new one.

        Raises Refused, Unavailable, Misconfigured.
        """
        age = None if self._read_at is None else self._clock() - self._read_at
        if age is None or age > KEYS_AGE or (kid not in self._keys and (ours or age > REFETCH_PAUSE)):
            await self._read()
        if kid not in self._keys:
            raise Refused(what, "key", f"the realm has no key {shorten(kid, 40)} to verify it with")
        return self._keys[kid]

    async def _read(self) -> None:
        answer = await self._look()
        found = answer.body.get("keys") if isinstance(answer.body, Mapping) else None
        if answer.status != 200 or not isinstance(found, list):
            raise Misconfigured(f"Keycloak's keys cannot be read (HTTP {answer.status}).")
        self.skew = answer.skew
        self._read_at = self._clock()
        self._keys = {
            k["kid"]: k
            for k in found
            if isinstance(k, Mapping) and isinstance(k.get("kid"), str) and k.get("use", "sig") == "sig"
        }


async def verify(
    token: str,
    keys: Keys,
    *,
    what: str,
    issuer: str,
    audience: str,
    algorithms: frozenset[str],
    require: tuple[str, ...],
    ours: bool,
) -> dict[str, Any]:
    """The claims of a token that is signed by the realm, meant for ``audience`` and of this time.

    ``ours`` says that the realm gave it in answer to us, not that somebody sent it. Raises Refused.
    """
    if not token or len(token) > MAX_TOKEN:
        raise Refused(what, "form", f"it has {len(token)} characters, 1 to {MAX_TOKEN} are allowed")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise Refused(what, "form", "it is no signed token") from None
    algorithm = str(header.get("alg", ""))
    allowed = algorithms & ASYMMETRIC
    # Before any key is looked at: the public key must never serve as the secret of HS256.
    if algorithm not in allowed:
        raise Refused(what, "alg", f"it is signed with {shorten(algorithm, 20) or 'nothing'}, not {_words(allowed)}")
    key = await keys.find(what, str(header.get("kid", "")), ours)
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            jwt.PyJWK(dict(key), algorithm),
            algorithms=sorted(allowed),
            issuer=issuer,
            audience=audience,
            leeway=LEEWAY,
            options={"require": ["iss", "aud", *require]},
        )
    except jwt.PyJWTError as error:
        raise _refusal(error, what, keys.skew) from None
    except (ValueError, TypeError):
        raise Refused(what, "form", "it cannot be read") from None
    azp = claims.get("azp")
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if azp != audience and (azp is not None or several):
        raise Refused(what, "azp", f"it was given to the client {shorten(azp, 60)}, not to {audience}")
    return claims


def _refusal(error: jwt.PyJWTError, what: str, skew: float | None) -> Refused:
    match error:
        case jwt.ExpiredSignatureError():
            return Refused(what, "exp", f"its time is over{_clocks(skew)}")
        case jwt.ImmatureSignatureError() | jwt.InvalidIssuedAtError():
            return Refused(what, "iat", f"it is of a time to come{_clocks(skew)}")
        case jwt.InvalidAudienceError():
            return Refused(what, "aud", "it was made for another client")
        case jwt.InvalidIssuerError():
            return Refused(what, "iss", "it was made by another realm")
        case jwt.InvalidSignatureError():
            return Refused(what, "signature", "the realm did not sign it")
        case jwt.MissingRequiredClaimError():
            return Refused(what, error.claim, "it does not say that at all")
        case jwt.InvalidAlgorithmError() | jwt.InvalidKeyError() | jwt.PyJWKError():
            return Refused(what, "alg", "its algorithm does not fit the realm's key")
        case _:
            return Refused(what, "form", "it cannot be read")


def _clocks(skew: float | None) -> str:
    if skew is None or abs(skew) <= LEEWAY:
        return ""
    late = "ahead of" if skew > 0 else "behind"
    return f"; Keycloak's clock is {abs(skew):.0f} s {late} this machine's: set them right (NTP)"


def _words(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "anything that Keycloak offers"
