"""A client that registers by IMAP alone, through the front, on real Dovecot; what arrives at its endpoint is decrypted."""

from __future__ import annotations

import asyncio
import base64
import imaplib
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from gateway_process import GatewayProcess
from idlebell.testing import mail
from idlebell.testing.push_service import PushService, Received
from servers.dovecot_server import DovecotServer
from servers.mail_server import User
from servers.sandbox import free_port

COI = "/private/vendor/vendor.dovecot/webpush"
OURS = "/private/vendor/vendor.idlebell"


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with PushService() as service:
        yield service


@pytest.fixture(scope="module")
def annotated() -> Iterator[DovecotServer]:
    """One that has METADATA of its own."""
    with DovecotServer({"imap_metadata": "yes", "mail_attribute_dict": "file:%h/attributes"}) as server:
        yield server


class Front:
    """A gateway with a front before Dovecot, and clients of it."""

    def __init__(self, dovecot: DovecotServer, folder: Path, webpush: str) -> None:
        self.port = free_port()
        where = (
            f'listen = "127.0.0.1:{self.port}"\nupstream = "localhost:{dovecot.ports.imaps}"\nupstream_tls = "implicit"'
        )
        section = f'[front]\n{where}\nwebpush = "{webpush}"'
        self.gateway = GatewayProcess(folder, dovecot.ca_file, more=section)

    async def by(self, user: User, session: Callable[[imaplib.IMAP4], Any]) -> Any:
        """One session of a client, from login to logout."""

        def run() -> Any:
            client = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
            try:
                client.login(user.name, user.password)
                return session(client)
            finally:
                client.logout()

        self._loop = asyncio.get_running_loop()
        return await asyncio.to_thread(run)

    def awaits(self, service: PushService, name: str, holds: Callable[[Received], bool]) -> Received:
        """Within a session: what has arrived at an endpoint."""
        return asyncio.run_coroutine_threadsafe(arrived(service, name, holds), self._loop).result()


def says(client: imaplib.IMAP4, name: str, *arguments: str) -> tuple[str, str]:
    """Condition and text of the tagged response."""
    try:
        typ, data = client.xatom(name, *arguments)
    except imaplib.IMAP4.error as error:  # so it takes a BAD
        return "BAD", str(error)
    return typ, data[0].decode()


def annotation(client: imaplib.IMAP4, *arguments: str) -> bytes:
    """What the untagged METADATA said, as it came."""
    assert says(client, "GETMETADATA", *arguments)[0] == "OK"
    found = client.response("METADATA")[1]
    return b"".join(piece if isinstance(piece, bytes) else b"\r\n".join(piece) for piece in found if piece)


def quoted(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def put(client: imaplib.IMAP4, entry: str, value: Any) -> tuple[str, str]:
    return says(client, "SETMETADATA", '""', f"({entry} {'NIL' if value is None else quoted(value)})")


async def arrived(service: PushService, name: str, holds: Callable[[Received], bool]) -> Received:
    return (await service.wait_for(holds, 20, name=name))[0]


def is_new_mail(one: Received) -> bool:
    return one.type == "new_mail"


def logins(dovecot: DovecotServer, user: User) -> int:
    said = (dovecot.sandbox.folder / "dovecot.log").read_text("utf-8", "replace")
    return len(re.findall(rf"Login: user=<{re.escape(user.name)}>", said))


async def test_cois_entries_and_ours_register_validate_and_ring_by_one_login(
    annotated: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    dovecot = annotated
    user = dovecot.add_user()
    front = Front(dovecot, tmp_path, "coi")
    phone = f"{COI}/subscriptions/phone-000001"

    def register(client: imaplib.IMAP4) -> str:
        """The endpoint's URL."""
        assert {"WEBPUSH", "XIDLEBELL"} <= set(client.capability()[1][0].decode().split())
        pem = annotation(client, '""', f"{COI}/vapid")
        key = load_pem_public_key(pem[pem.index(b"-----BEGIN") : pem.index(b"-----END") + 24])
        point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        server_key = base64.urlsafe_b64encode(point).decode().rstrip("=")
        browser = service.make_webpush_subscription("coi", application_server_key=server_key, has_json=False)
        resource = {"endpoint": browser["url"], "keys": browser["keys"]}
        assert put(client, phone, {"client": "Test", "msgtype": "all", "resource": resource})[0] == "OK"
        sent = front.awaits(service, "coi", lambda one: b"validation" in one.body)
        assert sent.headers["webpush-validation"] == ""
        assert put(client, f"{phone}/validate", "guess")[1].startswith("[CANNOT]")
        assert put(client, f"{phone}/validate", json.loads(sent.body)["validation"])[0] == "OK"
        wish = {"endpoints": {"new_mail": hook}, "payload": "summary", "filter": {"subject": "lunch"}}
        assert put(client, f"{OURS}/subscriptions/hook", wish) == ("OK", "SETMETADATA completed")
        wish["filter"] = {"subjekt": "lunch"}
        typ, told = put(client, f"{OURS}/subscriptions/hook", wish)
        assert (typ, "/filter/subjekt" in told) == ("BAD", True)
        assert put(client, "/private/comment", "theirs")[0] == "OK"
        assert annotation(client, '""', "/private/comment") == b'"" (/private/comment {6}\r\ntheirs)'
        mixed = says(client, "GETMETADATA", '""', f"(/private/comment {COI}/vapid)")
        assert (mixed[0], mixed[1].startswith("[CANNOT]")) == ("NO", True)
        return str(browser["url"])

    def list_and_end(client: imaplib.IMAP4) -> None:
        assert b"true" in annotation(client, "(DEPTH 1)", '""', f"{COI}/subscriptions")
        listed = annotation(client, "(DEPTH infinity)", '""', OURS)
        assert b"/subscriptions/hook" in listed
        assert url.encode() not in listed
        assert put(client, phone, None)[0] == "OK"
        assert annotation(client, '""', phone).endswith(b"NIL)")

    async with front.gateway:
        hook = service.make_webhook()
        url = await front.by(user, register)
        await asyncio.to_thread(
            dovecot.deliver, user.name, mail.make(subject="Lunch?", sender="Boss <Boss@example.org>")
        )
        told = json.loads((await arrived(service, "coi", lambda one: b"subject" in one.body)).body)
        assert (told["from-email"], told["from-name"], told["subject"]) == ("boss@example.org", "Boss", "Lunch?")
        assert (told["folder"], told["uid"], "content" in told) == ("INBOX", 1, True)
        rung = await arrived(service, "hook", is_new_mail)
        assert rung.payload is not None
        assert rung.payload["messages"][0]["subject"] == "Lunch?"
        assert logins(dovecot, user) == 1
        await front.by(user, list_and_end)


async def test_the_drafts_commands_register_confirm_and_ring_by_one_login(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    front = Front(dovecot, tmp_path, "draft")

    def register(client: imaplib.IMAP4) -> None:
        def webpush() -> tuple[str, Any, Any]:
            keys = browser["keys"]
            typ, _ = says(client, "WEBPUSH", "phone-7f3a91", quoted(browser["url"]), keys["p256dh"], keys["auth"])
            return typ, client.response("WEBPUSH")[1], client.response("VAPID")[1]

        assert says(client, "GETVAPID")[0] == "OK"
        server_key = client.response("VAPID")[1][0].decode().strip('"')
        browser = service.make_webpush_subscription("draft", application_server_key=server_key, has_json=False)
        assert webpush() == ("OK", [b"phone-7f3a91 INACTIVE"], [f'"{server_key}"'.encode()])
        sent = front.awaits(service, "draft", lambda one: one.body.startswith(b"^ WEBPUSH"))
        _, _, name, inactive, token = sent.body.decode().split(" ")
        assert (name, inactive) == ("phone-7f3a91", "INACTIVE")
        assert says(client, "ACKWEBPUSH", "phone-7f3a91", "guess")[1].startswith("[CANNOT]")
        assert says(client, "ACKWEBPUSH", "phone-7f3a91", token)[0] == "OK"
        assert webpush() == ("OK", [None], [None])
        assert says(client, "WEBPUSH", "phone-7f3a91", "(")[0] == "BAD"

    async with front.gateway:
        await front.by(user, register)
        await asyncio.to_thread(
            dovecot.deliver, user.name, mail.make(subject="Lunch?", sender="Boss <boss@example.org>")
        )
        told = (await arrived(service, "draft", lambda one: b"EXISTS" in one.body)).body.decode()
        exists, fetch = told.split("\r\n")
        assert exists == "INBOX 1 EXISTS"
        assert re.match(
            r'INBOX 1 FETCH \(UID 1 .*ENVELOPE \(NIL "Lunch\?" \(\("Boss" NIL "boss" "example.org"\)\)', fetch
        )
        assert logins(dovecot, user) == 1
        assert (await front.by(user, lambda client: says(client, "WEBPUSH", "phone-7f3a91", "NIL")))[0] == "OK"
