"""From a mail to a person: the whole gateway, real Apprise in its process, and services that check what they get."""

from __future__ import annotations

import asyncio
import logging
import re
from ipaddress import ip_network
from pathlib import Path

import aiohttp
import pytest

from apprise_peers import SMS_TOKEN, TOKEN, ApprisePeer
from gateway_process import subscription
from idlebell import compose
from idlebell.config import Settings
from idlebell.config import settings as sections
from idlebell.config.values import Address, imap_url
from idlebell.model.endpoint import PushUrl
from idlebell.push.sms import septets, token_of
from idlebell.telemetry.facts import Fact
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.imap_server import Habits, ImapServer
from idlebell.testing.push_service import PushService

PASSWORD = "hunter2"


async def test_a_mail_is_told_by_ntfy_and_by_sms_and_no_secret_is_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Declared: ntfy. Over REST: an SMS. Both with the sender and the subject, each in its service's own words. Of SMS there is
    one a day, so the next mail goes to the next endpoint."""
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    (tmp_path / "password").write_text(PASSWORD)
    facts: list[Fact] = []
    caplog.set_level(logging.DEBUG)
    tls = authority.server_context()
    async with (
        ImapServer(habits=Habits(tls_context=tls)) as imap,
        ApprisePeer(tls) as peer,
        PushService(tls, host="localhost") as service,
        aiohttp.ClientSession() as http,
    ):
        imap.add_user("alice", PASSWORD)
        settings = Settings(
            server=sections.Server(listen=Address("127.0.0.1", 0)),
            store=sections.Store(url=f"sqlite:{tmp_path}/idlebell.db"),
            imap=sections.Imap(ca_file=tmp_path / "ca.pem"),
            push=sections.Push(max_per_day=1),
            network=sections.NetworkAccess(allow=(ip_network("127.0.0.0/8"), ip_network("::1/128"))),
            watch=(
                sections.Watch(
                    url=imap_url(f"imaps://alice@localhost:{imap.tls_port}"),
                    password_file=tmp_path / "password",
                    notify=(PushUrl(peer.ntfy),),
                ),
            ),
        )
        async with compose.running(settings, emit_also=facts.append) as running:
            url = f"{running.url}/v1/subscriptions"
            endpoint = {"type": "apprise", "url": peer.sms}
            bells = {"new_mail": [endpoint, service.make_webhook()]}
            asked = subscription(imap.tls_port, "alice", PASSWORD, bells, payload="summary")
            for broken, pointer in (
                ({"type": "apprise", "url": "smseagles://x"}, "/endpoints/new_mail/url"),
                ({"type": "apprise", "url": peer.sms + "/15557654321"}, "/endpoints/new_mail/url"),
                ({"type": "apprise", "url": "mailtos://a:b@example.org"}, "/endpoints/new_mail/url"),
            ):
                async with http.post(url, json=asked | {"endpoints": {"new_mail": broken}}) as answer:
                    assert (answer.status, (await answer.json())["errors"][0]["pointer"]) == (422, pointer)
            async with http.post(url, json=asked) as answer:
                assert answer.status == 201
                registered = await answer.json()
            bearer = {"Authorization": f"Bearer {registered['token']}"}
            # Whose telephone is it? The code comes as an SMS, and its reader types it into the app.
            assert registered["unverified"] == ["new_mail"]
            (asking,) = await peer.until(1, peer.messages)
            (code,) = re.findall(r"\b[0-9]{8}\b", asking["message"])
            async with http.post(
                f"{url}/{registered['id']}/verify", json={"code": f"{code[:4]} {code[4:]}"}, headers=bearer
            ) as answer:
                assert (answer.status, (await answer.json())["unverified"]) == (200, [])
            imap.deliver("alice", mail.make(subject="Mittag?", sender="Boss <boss@example.org>"))
            (note,) = await peer.until(1, peer.notes)
            (_, sms) = await peer.until(2, peer.messages)
            assert note["title"] == "Boss <boss@example.org>"
            assert note["message"].startswith("Mittag?")
            assert septets(sms["message"]) <= 160
            assert sms["message"].startswith("Boss <boss@example.org>: Mittag?")
            token = token_of(sms["message"])
            assert token is not None
            assert (token.subscription, token.count) == (registered["id"], 1)
            async with asyncio.timeout(30):
                while True:
                    async with http.get(f"{url}/{registered['id']}", headers=bearer) as answer:
                        shown = await answer.text()
                    if '"outcome":"accepted"' in shown:
                        break
                    await asyncio.sleep(0.02)
            imap.deliver("alice", mail.make(subject="Another"))
            (told,) = await service.wait_for(lambda one: one.type == "new_mail")
            assert told.payload is not None
            assert [one["subject"] for one in told.payload["messages"]] == ["Another"]
            assert len(peer.messages) == 2
            async with http.get(f"{url}/{registered['id']}", headers=bearer) as answer:
                view = await answer.json()
            first, second = view["endpoints"]["new_mail"]
            assert (first["used"], first["problem"]["type"]) == (False, "/problems/endpoint-spent")
            assert (second["used"], second["problem"]) == (True, None)
            assert (view["allowance"], view["problem"]) == ({"max_per_day": 1, "today": 1}, None)
            async with http.get(f"{url}/{registered['id']}/deliveries", headers=bearer) as answer:
                shown += await answer.text()
    said = shown + caplog.text + repr(facts) + repr(settings)
    assert not [one for one in (TOKEN, SMS_TOKEN, "15551234567", code) if one in said]
    assert peer.faults == []
