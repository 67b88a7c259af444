"""A real SIP telephone shows how many messages are unread, and that they were read."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.imap_server import Habits, ImapServer
from idlebell.testing.push_service import PushService
from servers.telephone import Telephone


@pytest.mark.needs("twinkle")
async def test_the_lamp_of_a_real_telephone_goes_on_and_off(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    async with (
        ImapServer(habits=Habits(tls_context=authority.server_context("localhost"))) as server,
        PushService() as service,
        Telephone(tmp_path / "home") as telephone,
        GatewayProcess(tmp_path, tmp_path / "ca.pem") as gateway,
    ):
        server.add_user("alice", "right")
        endpoints = {"new_mail": {"type": "mwi", "url": telephone.url}, "reconnect": service.make_simplepush()}
        body = subscription(server.tls_port, "alice", "right", endpoints, wait_seconds=30, withdraw=True)
        status, made = await gateway.call("POST", "/v1/subscriptions", body)
        assert (status, made.get("unverified")) == (201, []), made
        server.deliver("alice", mail.make())
        await telephone.until("yes 1/0")
        server.deliver("alice", mail.make())
        await telephone.until("yes 1/0", "yes 2/0")
        server.mailbox("alice").set_flags(1, frozenset({"\\Seen"}))
        await telephone.until("yes 1/0", "yes 2/0", "yes 1/0")
        server.mailbox("alice").set_flags(2, frozenset({"\\Seen"}))
        await telephone.until("yes 1/0", "yes 2/0", "yes 1/0", "no 0/0")
        assert telephone.url not in gateway.log.read_text()
