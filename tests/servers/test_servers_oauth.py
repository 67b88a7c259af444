"""Access tokens and refresh tokens of a real OpenID provider, at a real mail server that asks that provider about them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest
import pytest_asyncio

from gateway_process import GatewayProcess, subscription
from idlebell.client import AsyncClient, MailServer, Webhook
from idlebell.compose.engine import Engine, running_engine
from idlebell.compose.parts import declared_accounts
from idlebell.config import load
from idlebell.login import renewals, token_endpoint
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import Fact, LoginFailed, TokenNotRenewed, WatchStarted
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer
from servers.openid_provider import OpenIdProvider, Tokens

pytestmark = [pytest.mark.needs("npm-packages", "dovecot"), pytest.mark.asyncio(loop_scope="module")]

ACCESS_TOKEN_SECONDS = 2
SHORT_LIVES = """
from idlebell.login import renewals, token_endpoint
token_endpoint.LIFE_LEAST_SECONDS = 1.0
renewals.ROUND_SECONDS = 0.1
"""
"""A token may be renewed more often here than the gateway lets a stranger's endpoint have it."""


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider(access_token_seconds=ACCESS_TOKEN_SECONDS) as provider:
        yield provider


@pytest.fixture(scope="module")
def dovecot_of(provider: OpenIdProvider) -> Iterator[DovecotServer]:
    with DovecotServer(introspection_url=provider.introspection_url) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[PushService]:
    async with PushService() as service:
        yield service


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(
    provider: OpenIdProvider, dovecot_of: DovecotServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("gateway")
    client = provider.as_client(folder, dovecot_of.host)
    async with GatewayProcess(folder, dovecot_of.ca_file, before=SHORT_LIVES, more=client) as gateway:
        yield gateway


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await true():
            await asyncio.sleep(0.02)


def wish(server: DovecotServer, user: str, service: PushService, auth: dict[str, str], **more: Any) -> dict[str, Any]:
    endpoints = {"new_mail": service.make_webhook(f"{user}-mail"), "reconnect": service.make_webhook(f"{user}-again")}
    request = subscription(server.ports.imaps, user, "", endpoints, **more)
    request["imap"]["auth"] = {"type": "oauth2", **auth}  # another type wins
    return request


def renewable(provider: OpenIdProvider, tokens: Tokens) -> dict[str, str]:
    return {
        "access_token": tokens.access_token,
        "refresh_token": tokens.refresh_token,
        "token_url": provider.token_url,
        "client_id": "phone",
    }


@pytest.mark.needs("door-inside")  # where the bound on a token's life could not be made shorter
async def test_a_refresh_token_is_used_ahead_of_time_until_the_provider_refuses_it(
    provider: OpenIdProvider, dovecot_of: DovecotServer, service: PushService, gateway: GatewayProcess
) -> None:
    """Its whole life: proven at once, renewed and rotated while the session lives, good for another session when that is lost;
    taken back by the provider, the app is asked while mail still rings."""
    user = dovecot_of.add_user().name
    tokens = await provider.sign_in(user)
    before = await provider.renewals()
    request = wish(dovecot_of, user, service, renewable(provider, tokens), retention="memory")
    status, answer = await gateway.call("POST", "/v1/subscriptions", request)
    assert (status, answer["state"], answer["retention"]) == (201, "watching", "memory"), answer
    path, token = f"/v1/subscriptions/{answer['id']}", answer["token"]

    async def shown() -> tuple[str, str | None]:
        _, view = await gateway.call("GET", path, token=token)
        return view["state"], view["problem"] and view["problem"]["type"]

    def rung(name: str, kind: str) -> int:
        return sum(one.type == kind for one in service.of(f"{user}-{name}"))

    async def renewed() -> bool:
        return await provider.renewals() >= before + 3

    assert await provider.renewals() == before + 1, "that it can be renewed is known before the answer"
    await until(renewed)  # by now the first access token is over, and its refresh token was used
    dovecot_of.kick(user)
    await asyncio.to_thread(dovecot_of.deliver, user, mail.make(subject="Meanwhile"))
    await service.wait_for(lambda one: one.type == "new_mail", name=f"{user}-mail")
    assert rung("again", "reconnect") == 0
    assert await shown() == ("watching", None)

    # A refresh token that was used already comes back: to the provider it looks stolen, and it ends the whole grant (RFC 9700
    # section 4.14.2).
    async with aiohttp.ClientSession() as thief:
        stolen = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token, "client_id": "phone"}
        async with thief.post(provider.token_url, data=stolen) as refusal:
            assert (await refusal.json())["error"] == "invalid_grant"
    (asked,) = await service.wait_for(lambda one: one.type == "reconnect", name=f"{user}-again")
    assert asked.payload is not None
    assert asked.payload["reason"] == "rejected"
    assert await shown() == ("watching", "/problems/token-refused")
    await asyncio.to_thread(dovecot_of.deliver, user, mail.make(subject="The session lives"))
    await service.wait_for(lambda one: rung("mail", "new_mail") == 2, name=f"{user}-mail")

    dovecot_of.kick(user)

    async def lost() -> bool:
        return await shown() == ("needs_credentials", "/problems/token-refused")

    await until(lost)
    again = {"auth": {"type": "oauth2", **renewable(provider, await provider.sign_in(user))}}
    status, answer = await gateway.call("PUT", f"{path}/credentials", again, token=token)
    assert (status, answer["state"], answer["problem"]) == (200, "watching", None), answer

    said = gateway.log.read_text()
    assert "token_renewed" in said
    for secret in (tokens.access_token, tokens.refresh_token, again["auth"]["refresh_token"]):
        assert secret not in said
    assert (await gateway.call("DELETE", path, token=token))[0] == 204


async def test_what_a_provider_or_its_mail_server_refuses_is_said_at_once(
    provider: OpenIdProvider, dovecot_of: DovecotServer, service: PushService, gateway: GatewayProcess
) -> None:
    user, other = dovecot_of.add_user().name, dovecot_of.add_user().name
    tokens = await provider.sign_in(user, "site")
    of_site = {"token_url": provider.token_url, "client_id": "site", "client_secret": provider.SECRET}

    async def ask(name: str, auth: dict[str, str], **more: Any) -> tuple[int, str, str]:
        status, answer = await gateway.call("POST", "/v1/subscriptions", wish(dovecot_of, name, service, auth, **more))
        if status == 201:
            assert (await gateway.call("DELETE", f"/v1/subscriptions/{answer['id']}", token=answer["token"]))[0] == 204
        return status, answer.get("state") or answer["type"].removeprefix("/problems/"), answer.get("detail", "")

    # An access token alone: for one session, and only into its own user's mail.
    assert (await ask(user, {"access_token": tokens.access_token}))[:2] == (201, "watching")
    assert (await ask(other, {"access_token": tokens.access_token}))[:2] == (422, "authentication-failed")
    # No access token at first, and a client with a secret.
    known = {**of_site, "refresh_token": tokens.refresh_token}
    assert (await ask(user, known, retention="memory"))[:2] == (201, "watching")
    # That refresh token was used by now; the words are the provider's own.
    status, code, detail = await ask(user, known, retention="memory")
    assert (status, code) == (422, "token-refused")
    assert "invalid_grant" in detail
    nobody = dovecot_of.add_user().name
    wrong = {**known, "client_secret": "guessed"}
    status, code, detail = await ask(nobody, wrong, retention="memory")
    assert (status, code) == (422, "token-refused")
    assert "invalid_client" in detail
    # An access token that is over is no matter where the refresh token is good.
    third = dovecot_of.add_user().name
    stale = renewable(provider, await provider.sign_in(third)) | {"access_token": "over"}
    assert (await ask(third, stale, retention="memory"))[:2] == (201, "watching")


async def test_a_sign_in_at_a_real_provider_opens_the_mailbox_it_was_begun_for_and_nothing_else(
    provider: OpenIdProvider, dovecot_of: DovecotServer, service: PushService, gateway: GatewayProcess
) -> None:
    """Without any token in the browser's hands: code, state and its own secret are all that it has, and all are good once."""
    user, other = dovecot_of.add_user().name, dovecot_of.add_user().name
    secrets = [provider.SECRET]
    _, offered = await gateway.call("GET", "/v1/sign-ins")
    back = f"{gateway.url}/signed-in/corp"
    assert offered["items"] == [{"name": "corp", "title": "Corp", "hosts": [dovecot_of.host], "redirect_uri": back}]

    async def signed_in(name: str, retention: str, token: str | None = None, *, at: str = back) -> dict[str, str]:
        wanted = {"host": dovecot_of.host, "username": name, "retention": retention}
        status, begun = await gateway.call("POST", "/v1/sign-ins", wanted, token=token)
        assert status == 201, begun
        url = begun["authorization_url"].replace(quote(back, safe=""), quote(at, safe=""))
        returned = await provider.agree(url, name, at)
        secrets.extend((begun["sign_in"], returned["code"], returned["state"]))
        return {"type": "sign_in", "sign_in": begun["sign_in"], **returned}

    async def ask(name: str, auth: dict[str, str], retention: str) -> tuple[int, dict[str, Any]]:
        request = wish(dovecot_of, name, service, auth, retention=retention)
        return await gateway.call("POST", "/v1/subscriptions", request)

    auth = await signed_in(user, "memory")
    status, answer = await ask(user, auth, "memory")
    assert (status, answer["state"], answer["retention"]) == (201, "watching", "memory"), answer
    path, token = f"/v1/subscriptions/{answer['id']}", answer["token"]
    dovecot_of.kick(user)  # the refresh token opens the next session
    await asyncio.to_thread(dovecot_of.deliver, user, mail.make(subject="By sign-in"))
    await service.wait_for(lambda one: one.type == "new_mail", name=f"{user}-mail")

    assert (await ask(user, auth, "memory"))[1]["type"] == "/problems/sign-in-not-valid", "a replay"
    stolen = await signed_in(other, "session")
    assert (await ask(user, stolen, "session"))[1]["type"] == "/problems/sign-in-not-valid", "another's mailbox"
    victim = await signed_in(user, "session")
    injected = {**await signed_in(user, "session"), "code": victim["code"]}
    status, refusal = await ask(user, injected, "session")
    assert (status, refusal["type"]) == (422, "/problems/sign-in-refused"), "PKCE, held by the provider"
    elsewhere = await signed_in(user, "session", at="http://127.0.0.1/signed-in")
    assert (await ask(user, elsewhere, "session"))[1]["type"] == "/problems/sign-in-refused", "another redirect URI"

    again = {"auth": await signed_in(user, "memory", token)}
    status, answer = await gateway.call("PUT", f"{path}/credentials", again, token=token)
    assert (status, answer["state"], answer["problem"]) == (200, "watching", None), answer
    status, answer = await ask(other, await signed_in(other, "session"), "session")
    assert (status, answer["state"], answer["retention"]) == (201, "watching", "session"), answer

    said = gateway.log.read_text()
    assert "signed_in" in said
    assert [secret for secret in secrets if secret in said] == []
    for one in gateway.folder.glob("idlebell.db*"):
        assert [secret for secret in secrets if secret.encode() in one.read_bytes()] == []


@pytest.fixture
def short_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """As :data:`SHORT_LIVES`, in this process."""
    monkeypatch.setattr(token_endpoint, "LIFE_LEAST_SECONDS", 1.0)
    monkeypatch.setattr(token_endpoint, "LIFE_USUAL_SECONDS", float(ACCESS_TOKEN_SECONDS))
    monkeypatch.setattr(renewals, "ROUND_SECONDS", 0.1)


async def test_accounts_of_the_operator_use_a_refresh_token_in_a_file_or_what_a_command_prints(
    provider: OpenIdProvider, dovecot_of: DovecotServer, tmp_path: Path, short_lives: None
) -> None:
    """Renewed ahead of time, over a lost session, and after a restart by the token that the file has by then."""
    by_file, by_command = dovecot_of.add_user().name, dovecot_of.add_user().name
    token, printed, runs = tmp_path / "token", tmp_path / "printed", tmp_path / "runs"
    given = (await provider.sign_in(by_file)).refresh_token
    token.write_text(given + "\n")
    token.chmod(0o600)
    printed.write_text((await provider.sign_in(by_command, "site")).access_token + "\n")  # good for an hour
    url = f"localhost:{dovecot_of.ports.imaps}"
    config = tmp_path / "idlebell.toml"
    config.write_text(f"""
[imap]
ca_file = "{dovecot_of.ca_file}"
[network]
allow = ["127.0.0.0/8", "::1/128"]
allow_plaintext = true
[oauth.corp]
client_id = "phone"
issuer = "{provider.url}"
hosts = ["localhost"]
[[watch]]
url = "imaps://{by_file}@{url}"
oauth = "corp"
refresh_token_file = "{token}"
exec = "true"
[[watch]]
url = "imaps://{by_command}@{url}"
token_command = "sh -c 'echo run >> {runs}; cat {printed}'"
exec = "true"
""")
    settings = load(config, {})
    accounts = [replace(one, command="", terminal=True) for one in declared_accounts(settings)]
    store, lines, facts = MemoryStore(os.urandom), list[str](), list[Fact]()
    before = await provider.renewals()

    async def watched(engine: Engine, subject: str) -> None:
        """Both, after whatever happened."""
        for user in (by_file, by_command):
            await asyncio.to_thread(dovecot_of.deliver, user, mail.make(subject=f"{subject} {user}"))

            async def rung(user: str = user) -> bool:
                return any(f"{subject} {user}" in line for line in lines)

            await until(rung)

    async def opened(number: int = 2) -> None:
        async def are() -> bool:
            return sum(isinstance(fact, WatchStarted) for fact in facts) >= number

        await until(are)

    async def renewed() -> bool:
        return await provider.renewals() >= before + 2 and runs.read_text().count("run") >= 2

    async with running_engine(settings, store, facts.append, declared=accounts, on_line=lines.append) as engine:
        await opened()
        await watched(engine, "At first")
        await until(renewed)
        assert token.read_text() != given + "\n"
        for user in (by_file, by_command):
            dovecot_of.kick(user)
        await watched(engine, "Again")
    facts.clear()
    async with running_engine(settings, store, facts.append, declared=accounts, on_line=lines.append) as engine:
        await watched(engine, "After a restart")
    await store.close()
    refused = [fact for fact in facts if isinstance(fact, LoginFailed | TokenNotRenewed)]
    assert refused == []
    assert dovecot_of.logins()[by_file] == dovecot_of.logins()[by_command] == "OAUTHBEARER"


async def test_the_client_library_signs_in_with_a_browser_of_the_apps_own(
    provider: OpenIdProvider, dovecot_of: DovecotServer, service: PushService, gateway: GatewayProcess
) -> None:
    user = dovecot_of.add_user().name
    async with AsyncClient(gateway.url) as client:
        offered = await client.sign_ins()
        (corp,) = offered.items
        assert corp.serves(dovecot_of.host)
        assert "memory" in offered.retentions
        sign_in = await client.begin_sign_in(dovecot_of.host, user, retention="memory")
        returned = await provider.agree(sign_in.authorization_url, user, sign_in.redirect_uri)
        auth = sign_in.returned(f"{sign_in.redirect_uri}?{urlencode(returned)}")
        hook = service.make_webhook(f"{user}-mail")
        endpoints = {"new_mail": Webhook(hook["url"], hook["secret"])}
        server = MailServer(dovecot_of.host, dovecot_of.ports.imaps)
        _, shown = await client.subscribe(user, auth, endpoints, server=server, retention="memory")
    assert (shown.state, shown.retention) == ("watching", "memory")
