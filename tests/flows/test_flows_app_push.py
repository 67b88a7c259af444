"""For makers of apps: from a mail to Google's and Apple's services, with keys of the configuration."""

from __future__ import annotations

import asyncio
import json
import logging
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import pytest

from app_push_servers import KEY_ID, TEAM, TOPIC, AppleServer, GoogleServer, pem
from gateway_process import subscription
from idlebell import compose
from idlebell.config import Settings
from idlebell.config import settings as sections
from idlebell.config.values import Address
from idlebell.telemetry.facts import Fact, PushAttempted
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.imap_server import Habits, ImapServer

FCM_TOKEN = "dGhpcyBpcyBhIHBob25l:APA91b_device_token"
APNS_TOKEN = "ab" * 32


async def test_a_mail_rings_phones_by_their_own_services(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    facts: list[Fact] = []
    caplog.set_level(logging.DEBUG)
    async with (
        ImapServer(habits=Habits(tls_context=authority.server_context())) as imap,
        GoogleServer(authority.server_context()) as google,
        AppleServer(authority.server_context()) as apple,
        aiohttp.ClientSession() as http,
    ):
        imap.add_user("alice", "apass")
        for name, content in (("account.json", google.account_file), ("key.p8", pem(apple.key))):
            (tmp_path / name).write_bytes(content)
            (tmp_path / name).chmod(0o600)
        settings = Settings(
            server=sections.Server(listen=Address("127.0.0.1", 0)),
            store=sections.Store(url=f"sqlite:{tmp_path}/idlebell.db"),
            imap=sections.Imap(ca_file=tmp_path / "ca.pem"),
            network=sections.NetworkAccess(allow=(ip_network("127.0.0.0/8"), ip_network("::1/128"))),
            fcm=sections.Fcm(service_account_file=tmp_path / "account.json", url=google.url),
            apns=sections.Apns(key_file=tmp_path / "key.p8", key_id=KEY_ID, team_id=TEAM, topic=TOPIC, url=apple.url),
        )
        async with compose.running(settings, emit_also=facts.append) as running:
            url = f"{running.url}/v1/subscriptions"
            registered = []
            for endpoint in ({"type": "fcm", "token": FCM_TOKEN}, {"type": "apns", "token": APNS_TOKEN}):
                body = subscription(imap.tls_port, "alice", "apass", {"new_mail": endpoint}, payload="summary")
                async with http.post(url, json=body) as answer:
                    assert answer.status == 201, await answer.text()
                    registered.append(await answer.json())
            google.answers.append((503, {"Retry-After": "1"}, {"error": {"status": "UNAVAILABLE"}}))
            imap.deliver("alice", mail.make(subject="Lunch?"))
            async with asyncio.timeout(60):
                while not (google.messages and apple.pushes):
                    await asyncio.sleep(0.02)
            told = json.loads(google.messages[0]["data"]["idlebell"])
            assert (told["subscription"], told["messages"][0]["subject"]) == (registered[0]["id"], "Lunch?")
            _, pushed = apple.pushes[0]
            assert pushed["aps"]["alert"] == {
                "title": "Boss <boss@example.org>",
                "body": pushed["aps"]["alert"]["body"],
            }
            assert (pushed["idlebell"]["subscription"], pushed["idlebell"]["count"]) == (registered[1]["id"], 1)

            # The app was removed: the subscription ends.
            apple.answers.append((410, {}, b'{"reason":"Unregistered"}'))
            headers = {"Authorization": f"Bearer {registered[1]['token']}"}
            async with http.post(f"{url}/{registered[1]['id']}/test", headers=headers) as answer:
                assert (await answer.json())["outcome"] == "gone"
            async with http.get(f"{url}/{registered[1]['id']}", headers=headers) as answer:
                shown = await answer.text()
            assert json.loads(shown)["state"] == "ended"
    outcomes = [(fact.kind, fact.outcome) for fact in facts if isinstance(fact, PushAttempted)]
    assert sorted(set(outcomes)) == [("apns", "accepted"), ("apns", "gone"), ("fcm", "accepted"), ("fcm", "retry")]
    said = caplog.text + repr(facts) + repr(settings) + shown
    assert not [one for one in (FCM_TOKEN, APNS_TOKEN, "ya29.token", "PRIVATE KEY") if one in said]
    assert (google.faults, apple.faults) == ([], [])


@pytest.mark.parametrize(
    ("mode", "content", "sentence"),
    [(0o644, b"{}", "is open to others than its owner"), (0o600, b"{}", "has no project_id")],
)
async def test_a_key_that_cannot_be_used_is_told_at_start(
    tmp_path: Path, mode: int, content: bytes, sentence: str
) -> None:
    path = tmp_path / "account.json"
    path.write_bytes(content)
    path.chmod(mode)
    settings = Settings(
        server=sections.Server(listen=Address("127.0.0.1", 0)),
        store=sections.Store(url=f"sqlite:{tmp_path}/idlebell.db"),
        fcm=sections.Fcm(service_account_file=path),
    )
    with pytest.raises(ValueError, match=sentence):
        async with compose.running(settings):
            raise AssertionError("it started")
