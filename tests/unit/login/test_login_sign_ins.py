"""Attacks on a sign-in, each as RFC 9700 section 4 or RFC 6819 names it, and what an honest one comes to."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from idlebell.login import sign_ins
from idlebell.login.authorization import Endpoints, OAuthClient
from idlebell.login.sign_ins import (
    PENDING_OF_ONE,
    PENDING_SECONDS,
    Begun,
    Returned,
    SignedInTokens,
    SignIns,
    no_sign_ins,
)
from idlebell.model.endpoint import PushUrl
from idlebell.model.problem import Fault
from idlebell.model.secret import Secret
from idlebell.net.clock import Clock
from idlebell.telemetry.facts import Fact
from unit.login.authorization_server import AuthorizationServer

HOST, USER = "imap.example.org", "alice@example.org"
OTHER = AuthorizationServer("https://other.example.net")


class StillClock(Clock):
    def __init__(self) -> None:
        self.passed = 0.0

    def boottime(self) -> float:
        return 500.0 + self.passed

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.passed)


class Scene:
    """A gateway that is a client of one provider, or of two."""

    def __init__(self, provider: AuthorizationServer | None = None, **client: Any) -> None:
        self.provider = provider or AuthorizationServer()
        self.clock = StillClock()
        self.facts: list[Fact] = []
        known = OAuthClient(
            "corp", "Corp", "gateway of ours", ("example.org",), self.provider.issuer,
            scopes=("openid", "imap"), offline_scopes=("offline_access",),
        )  # fmt: skip
        other = replace(known, name="other", hosts=("other.example.net",), issuer=OTHER.issuer)
        clients = (replace(known, **client), other)
        self.sign_ins = SignIns(
            clients, "https://bell.example.org", self.provider.send, self.clock, os.urandom, self.facts.append
        )

    async def begin(self, host: str = HOST, username: str = USER, *, offline: bool = True, source: str = "a") -> Begun:
        client = self.sign_ins.client_of(host)
        assert client is not None
        begun = await self.sign_ins.begin(client, host, username, offline=offline, source=source)
        assert isinstance(begun, Begun), begun
        return begun

    async def redeem(
        self, begun: Begun, returned: dict[str, str], host: str = HOST, username: str = USER
    ) -> SignedInTokens | Fault:
        given = Returned(Secret(begun.token), returned["state"], Secret(returned["code"]), returned.get("iss"))
        return await self.sign_ins.redeem(given, host, username)

    def token_requests(self) -> int:
        return sum(one.method == "POST" for one in self.provider.requests)


def code_of(found: object) -> str:
    assert isinstance(found, Fault), found
    return found.code


def asked(begun: Begun) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(begun.authorization_url).query))


async def test_an_honest_sign_in_is_redeemed_for_what_it_was_begun_for() -> None:
    scene = Scene()
    begun = await scene.begin()
    found = await scene.redeem(begun, scene.provider.agree(begun.authorization_url))
    assert isinstance(found, SignedInTokens)
    assert found.access_token == Secret("acc3ss-token")
    assert found.refresh_token == Secret("r3fresh-token")
    assert found.endpoints.token_url.reveal() == "https://login.example.org/token"
    assert len(scene.sign_ins) == 0
    sent = asked(begun)
    assert (sent["response_type"], sent["code_challenge_method"], len(sent["code_challenge"])) == ("code", "S256", 43)
    assert sent["redirect_uri"] == "https://bell.example.org/signed-in/corp"
    assert (sent["scope"], sent["prompt"], sent["login_hint"]) == ("openid imap offline_access", "consent", USER)
    assert begun.token not in begun.authorization_url
    again = asked(await scene.begin())
    assert not {sent[one] for one in ("state", "nonce", "code_challenge")} & set(again.values())
    assert "corp" in repr(scene.facts)


async def test_nothing_that_outlives_the_session_is_asked_for_where_nothing_is_kept() -> None:
    sent = asked(await Scene().begin(offline=False))
    assert sent["scope"] == "openid imap"
    assert "prompt" not in sent


async def test_a_sign_in_is_good_once_and_for_ten_minutes() -> None:
    scene = Scene()
    begun = await scene.begin()
    returned = scene.provider.agree(begun.authorization_url)
    assert isinstance(await scene.redeem(begun, returned), SignedInTokens)
    assert code_of(await scene.redeem(begun, returned)) == "sign-in-not-valid"
    late = await scene.begin()
    returned = scene.provider.agree(late.authorization_url)
    scene.clock.passed = PENDING_SECONDS
    assert code_of(await scene.redeem(late, returned)) == "sign-in-not-valid"
    assert scene.token_requests() == 1, "neither was asked of the provider"


@pytest.mark.parametrize("attack", ["forged-state", "no-sign-in", "other-host", "other-user", "iss", "no-iss"])
async def test_an_answer_that_is_not_this_browsers_redeems_nothing(attack: str) -> None:
    """CSRF (RFC 9700 section 4.7), replay to another account or server, mix-up (4.4): the code is never shown to anybody, the
    answer is one and the same, and the sign-in is over."""
    scene = Scene()
    victim, attacker = await scene.begin(), await scene.begin(source="b")
    returned = scene.provider.agree(attacker.authorization_url)
    host, username = HOST, USER
    begun = attacker
    match attack:
        case "forged-state":  # the attacker's own answer, brought to the victim's browser
            begun = victim
        case "no-sign-in":
            begun = replace(victim, token="ibo_guessed")
        case "other-host":
            host = "imap.evil.example.org"
        case "other-user":
            username = "bob@example.org"
        case "iss":
            returned["iss"] = "https://evil.example.net"
        case "no-iss":
            del returned["iss"]
    fault = await scene.redeem(begun, returned, host, username)
    assert fault == Fault("sign-in-not-valid", sign_ins.NOT_VALID)
    assert scene.token_requests() == 0
    if attack != "no-sign-in":
        honest = scene.provider.agree(begun.authorization_url)
        assert code_of(await scene.redeem(begun, honest)) == "sign-in-not-valid"


async def test_a_stolen_code_is_of_no_use_in_another_sign_in() -> None:
    """Code injection (RFC 9700 section 4.5): the thief's sign-in has another verifier."""
    scene = Scene()
    victim, thief = await scene.begin(), await scene.begin()
    stolen = scene.provider.agree(victim.authorization_url)["code"]
    returned = {**scene.provider.agree(thief.authorization_url), "code": stolen}
    found = await scene.redeem(thief, returned)
    assert code_of(found) == "sign-in-refused"
    assert isinstance(found, Fault)
    assert "invalid_grant" in found.detail
    assert stolen not in found.detail, "although the provider repeats it"
    assert stolen not in repr(scene.facts)


@pytest.mark.parametrize("claims", [{"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"iss": "https://x.y"}])
async def test_an_id_token_of_another_sign_in_is_refused(claims: dict[str, Any]) -> None:
    scene = Scene()
    scene.provider.id_token = claims
    begun = await scene.begin()
    assert code_of(await scene.redeem(begun, scene.provider.agree(begun.authorization_url))) == "sign-in-not-valid"


async def test_one_who_begins_many_pushes_out_only_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    honest = await scene.begin(source="honest")
    flood = [await scene.begin(source="flood") for _ in range(PENDING_OF_ONE + 5)]
    assert len(scene.sign_ins) == PENDING_OF_ONE + 1
    assert isinstance(await scene.redeem(honest, scene.provider.agree(honest.authorization_url)), SignedInTokens)
    assert (
        code_of(await scene.redeem(flood[4], scene.provider.agree(flood[4].authorization_url))) == "sign-in-not-valid"
    )
    assert isinstance(await scene.redeem(flood[5], scene.provider.agree(flood[5].authorization_url)), SignedInTokens)
    monkeypatch.setattr(sign_ins, "PENDING_MOST", 8)
    for number in range(12):
        await scene.begin(source=str(number))
    assert len(scene.sign_ins) <= PENDING_OF_ONE
    scene.clock.passed = PENDING_SECONDS
    await scene.begin(source="last")
    assert len(scene.sign_ins) == 1, "what is over goes"


async def test_a_provider_is_asked_about_itself_once_an_hour_and_not_at_all_where_it_is_written_out() -> None:
    scene = Scene()
    await scene.begin()
    await scene.begin()
    assert len(scene.provider.requests) == 1
    scene.clock.passed = sign_ins.KNOWN_SECONDS
    await scene.begin()
    assert len(scene.provider.requests) == 2
    written = Endpoints("https://login.example.org/go?tenant=a", PushUrl("https://login.example.org/token"))
    scene = Scene(endpoints=written, secret=Secret("s3cret"), scopes=("imap",), offline_scopes=())
    begun = await scene.begin()
    assert begun.authorization_url.startswith("https://login.example.org/go?tenant=a&response_type=code")
    assert not {"nonce", "prompt"} & set(asked(begun))
    found = await scene.redeem(begun, {**scene.provider.agree(begun.authorization_url), "iss": "whatever"})
    assert isinstance(found, SignedInTokens)
    assert "s3cret" not in repr((found, scene.provider.requests, scene.sign_ins.clients))


async def test_a_provider_that_tells_nothing_of_use_is_asked_again_after_a_while() -> None:
    scene = Scene(AuthorizationServer(code_challenge_methods_supported=["plain"]))
    client = scene.sign_ins.clients[0]
    for _ in range(3):
        found = await scene.sign_ins.begin(client, HOST, USER, offline=True, source="a")
        assert code_of(found) == "token-unavailable"
    assert len(scene.provider.requests) == 2, "OpenID's place and that of RFC 8414"
    assert "PKCE" in repr(scene.facts)
    scene.clock.passed = sign_ins.FAILED_SECONDS
    scene.provider.metadata["code_challenge_methods_supported"] = ["S256"]
    await scene.begin()


async def test_a_server_belongs_to_a_client_by_its_name_alone() -> None:
    signs = Scene().sign_ins
    for host in ("example.org", "imap.example.org", "a.b.example.org"):
        assert signs.client_of(host) is signs.clients[0]
    for host in ("example.org.evil.net", "notexample.org", "org", "imap.example.com"):
        assert signs.client_of(host) is None
    assert no_sign_ins(StillClock(), os.urandom, lambda _: None).client_of("imap.gmail.com") is None
