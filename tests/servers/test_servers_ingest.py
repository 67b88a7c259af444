"""A real Dovecot that reports deliveries by both of its drivers, configured as the how-to page says, and no IMAP session."""

from __future__ import annotations

import asyncio
import imaplib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway_process import GatewayProcess, subscription
from how_to import DOCS
from idlebell.cli import main
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.connections import connections_to
from servers.dovecot_server import DovecotServer

KEY = "0123456789abcdef0123456789abcdef"
SCRIPT = Path(__file__).parents[2] / "install" / "idlebell.lua"
_SIEVE = """\
require ["imap4flags"];
if header :contains "subject" "read" { addflag "\\\\Seen"; }
if header :contains "subject" "later" { addflag "$later"; }
"""
_SOURCES = """
[[ingest]]
name = "main"
key_file = "{key_file}"
[[ingest]]
name = "full"
key_file = "{key_file}"
form = "lua"
imap = "localhost:{port}"
"""


@dataclass
class Stage:
    dovecot: DovecotServer
    gateway: GatewayProcess
    service: PushService
    key: str = ""

    async def subscribe(self, source: str, **more: Any) -> dict[str, Any]:
        hook = self.service.make_webhook(source.partition(":")[2])
        body = {"source": source, "user": "alice", "endpoints": {"new_mail": hook}, "payload": "summary", **more}
        status, answer = await self.gateway.call("POST", "/v1/subscriptions", body, token=self.key)
        assert (status, answer["state"], answer["mode"]) == (201, "watching", "ingest"), answer
        return answer

    async def deliver(self, subject: str, mailbox: str = "INBOX") -> None:
        await asyncio.to_thread(self.dovecot.deliver, "alice", mail.make(subject=subject), mailbox)

    def told(self, name: str) -> list[tuple[str, str]]:
        found = [one.payload for one in self.service.of(name) if one.type == "new_mail"]
        return [(one["mailbox"], message["subject"]) for one in found if one for message in one["messages"]]

    async def wait_for(self, name: str, subject: str) -> None:
        await self.service.wait_for(
            lambda one: one.type == "new_mail" and one.payload["messages"][0]["subject"] == subject, name=name
        )

    async def ring(self, subject: str, *names: str) -> None:
        for name in names:
            await self.wait_for(name, subject)

    def as_alice(self, do: Callable[[imaplib.IMAP4], object]) -> None:
        with imaplib.IMAP4("127.0.0.1", self.dovecot.ports.imap) as session:
            session.login("alice", "apass")
            do(session)


def _snippets(gateway: GatewayProcess, dovecot: DovecotServer) -> str:
    """The page's settings for 2.3, as its reader would fill them in. Both drivers stand beside each other."""
    page = (DOCS / "dovecot-push.md").read_text()
    ox, lua = re.findall(r"^```dovecot\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    script = dovecot.sandbox.write("idlebell.lua", SCRIPT.read_text())
    key_file = dovecot.sandbox.write("idlebell.key", KEY + "\n")
    text = ox + lua.replace("push_notification_driver =", "push_notification_driver2 =").replace("= main", "= full")
    text = text.replace("KEY@", f"{KEY}@").replace("127.0.0.1:8025", f"127.0.0.1:{gateway.port}")
    return text.replace("/etc/dovecot/idlebell.lua", str(script)).replace("/etc/dovecot/idlebell.key", str(key_file))


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    key_file = folder / "source.key"
    key_file.write_text(KEY + "\n")
    key_file.chmod(0o600)
    dovecot = DovecotServer()
    gateway = GatewayProcess(folder, dovecot.ca_file, more=_SOURCES.format(key_file=key_file, port=dovecot.ports.imaps))
    dovecot.configure(_snippets(gateway, dovecot))
    dovecot.file_by("alice", _SIEVE)
    async with PushService() as service, gateway:
        with dovecot:
            scopes = ["--scope", "subscriptions", "--scope", "sources"]
            command = ["keys", "make", "mail", *scopes, "--config", str(gateway.config)]
            made = await asyncio.to_thread(CliRunner().invoke, main, command)
            key = re.search(r"ibk_\S+", made.stdout)
            assert key is not None, made.output
            stage = Stage(dovecot, gateway, service, key[0])
            asked = '(/private/vendor/vendor.dovecot/http-notify "user=alice")'
            imaplib.Commands["SETMETADATA"] = ("AUTH", "SELECTED")
            stage.as_alice(lambda session: session._simple_command("SETMETADATA", '""', asked))
            yield stage


@pytest.mark.needs("door-inside")  # which alone lets reports through
@pytest.mark.needs("dovecot")
@pytest.mark.needs("sieve")
async def test_deliveries_ring_by_both_drivers_each_once_also_beside_a_session(tmp_path: Path) -> None:
    """What a client files does not ring, filters hold, and while the gateway is down a bell is lost that no session finds."""
    async with staged(tmp_path) as stage:
        port = stage.dovecot.ports.imaps
        await stage.subscribe("dovecot:main")
        made = await stage.subscribe("dovecot:full", mailboxes=["INBOX", "Work"], filter={"notKeyword": "$later"})
        await stage.deliver("first")

        def files(session: imaplib.IMAP4) -> None:
            session.append("INBOX", "", "", mail.make(subject="appended"))
            session.select("INBOX")
            session.copy("1", "INBOX")

        await asyncio.to_thread(stage.as_alice, files)
        for subject in ("read", "later"):
            await stage.deliver(subject)
        await stage.deliver("work", "Work")
        await stage.deliver("last")
        await stage.ring("last", "main", "full")
        assert stage.told("main") == [("INBOX", one) for one in ("first", "read", "later", "last")], "ox has no flags"
        assert stage.told("full") == [("INBOX", "first"), ("Work", "work"), ("INBOX", "last")]
        assert connections_to(port, stage.gateway.pid) == frozenset()
        _, shown = await stage.gateway.call("GET", f"/v1/subscriptions/{made['id']}", token=made["token"])
        assert (shown["mode"], shown["source"], shown["mailboxes"][0]["uid_next"]) == ("ingest", "dovecot:full", 7)

        # An app logs in to the account that the second source tells of.
        login = {"new_mail": stage.service.make_webhook("login"), "reconnect": stage.service.make_simplepush("again")}
        request = subscription(port, "alice", "apass", login, payload="summary")
        status, made = await stage.gateway.call("POST", "/v1/subscriptions", request, token=stage.key)
        token = made["token"]
        assert (status, made["state"], made["mode"]) == (201, "watching", "idle"), made
        await stage.deliver("both")
        await stage.ring("both", "main", "full", "login")

        # Its session goes with the process: it is asked for the password, and reports ring in its place.
        stage.gateway.stop()
        await stage.deliver("lost")
        assert "Error when sending notification: connect" in stage.dovecot.complaints()
        assert "idlebell: a delivery was not taken: 9003 connect" in stage.dovecot.complaints()
        await stage.gateway.start()
        await stage.deliver("reported")
        await stage.ring("reported", "main", "full", "login")
        auth = {"auth": {"type": "password", "password": "apass"}, "wait_seconds": 10}
        status, made = await stage.gateway.call("PUT", f"/v1/subscriptions/{made['id']}/credentials", auth, token=token)
        assert (status, made["mode"]) == (200, "idle"), made
        await stage.ring("lost", "full", "login")
        await stage.deliver("end")
        await stage.ring("end", "main", "full", "login")
        assert [subject for _, subject in stage.told("main")][4:] == ["both", "reported", "end"]
        assert [subject for _, subject in stage.told("full")][3:] == ["both", "reported", "lost", "end"]
        assert [subject for _, subject in stage.told("login")] == ["both", "reported", "lost", "end"]
