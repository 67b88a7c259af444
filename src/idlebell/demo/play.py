"""The demo from its first line to its last: build, subscribe as an app does, deliver, show."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from idlebell import compose
from idlebell.config import Settings, load
from idlebell.demo.terminal import Terminal
from idlebell.demo.timeline import Timeline
from idlebell.telemetry.facts import Fact
from idlebell.testing.imap_server import ImapServer, Note
from idlebell.testing.mail import plausible
from idlebell.testing.push_service import PushService, Received

USER, PASSWORD = "alice", "correct horse battery staple"
APP = "app"
BELL_SECONDS = 15
"""How long a mail may take to ring before the demo calls it failed."""
FACT_SECONDS = 2
"""How long the gateway may take to report a push that has arrived already."""


async def run(*, once: bool = False, terminal: Terminal | None = None) -> int:
    """The exit status. ``once``, or without a terminal on standard input: one mail, and the end."""
    terminal = terminal or Terminal()
    once = once or not terminal.interactive
    try:
        async with _stage() as stage:
            await _introduce(stage, terminal)
            number = 0
            while True:
                if not once:
                    typed = await terminal.ask("Press Enter to deliver a mail, q to end.")
                    if typed.lower() in ("q", "quit", "exit"):
                        return 0
                await _ring(stage, number, terminal)
                if once:
                    return 0
                number += 1
    except _Failed as failed:
        terminal.line(f"idlebell demo: {failed}")
        return 1


class _Failed(Exception):  # noqa: N818 - a sentence for the terminal
    pass


@dataclass(slots=True)
class _Stage:
    mail_server: ImapServer
    push_service: PushService
    url: str
    timeline: Timeline = field(default_factory=Timeline)
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    def observe(self, note: Note) -> None:
        self.timeline.note(note)

    def emit(self, fact: Fact) -> None:
        self.timeline.fact(fact, time.perf_counter())
        if self.timeline.complete:
            self.settled.set()


@asynccontextmanager
async def _stage() -> AsyncIterator[_Stage]:
    """Everything that plays, ended in the reverse order."""
    actors: list[_Stage] = []  # the server and the gateway report to the stage, which is built from them
    mail_server = ImapServer(observe=lambda note: actors[0].observe(note) if actors else None)
    mail_server.add_user(USER, PASSWORD)
    with tempfile.TemporaryDirectory(prefix="idlebell-demo-") as folder:
        ca_file = Path(folder, "ca.pem")
        await asyncio.to_thread(ca_file.write_bytes, mail_server.ca_pem)
        settings = _settings(Path(folder), ca_file)
        async with (
            mail_server,
            PushService() as push_service,
            compose.running(settings, emit_also=lambda fact: actors[0].emit(fact) if actors else None) as gateway,
        ):
            actors.append(_Stage(mail_server, push_service, gateway.url))
            yield actors[0]


def _settings(folder: Path, ca_file: Path) -> Settings:
    """What an operator would write to play on loopback, in clear, against a mail server with a certificate of its own."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    return load(
        None,
        {
            "IDLEBELL_SERVER__LISTEN": f"127.0.0.1:{port}",
            "IDLEBELL_STORE__URL": f"sqlite:{folder / 'idlebell.db'}",
            "IDLEBELL_IMAP__CA_FILE": str(ca_file),
            "IDLEBELL_NETWORK__ALLOW": json.dumps(["127.0.0.0/8"]),
            "IDLEBELL_NETWORK__ALLOW_PLAINTEXT": "true",
        },
    )


async def _introduce(stage: _Stage, terminal: Terminal) -> None:
    terminal.heading("Idlebell demo: a mail server, the gateway and an app, all in this process")
    server = stage.mail_server
    terminal.pairs(
        (
            ("mail server", f"imaps://{USER}@127.0.0.1:{server.tls_port}"),
            ("gateway", f"{stage.url}  (its API: {stage.url}/docs)"),
            ("web client", _web_client(stage)),
            ("app", f"Web Push to {stage.push_service.origin}/{APP}"),
        )
    )
    started = time.perf_counter()
    answer = await _subscribe(stage)
    try:
        await server.until(lambda: server.idling(USER) > 0, BELL_SECONDS)
    except TimeoutError:
        raise _Failed("the gateway has not entered IDLE at the built-in mail server") from None
    took_ms = 1000 * (time.perf_counter() - started)
    terminal.pairs(
        [("subscribed", f"{answer['id']} in {took_ms:.0f} ms: logged in, password dropped, waiting in IDLE")]
    )
    terminal.line()


def _web_client(stage: _Stage) -> str:
    """With everything filled in but the password."""
    account = f"user={USER}&host=127.0.0.1&port={stage.mail_server.tls_port}"
    return f"{stage.url}/#/add?{account}  (password: {PASSWORD})"


async def _subscribe(stage: _Stage) -> dict[str, Any]:
    """POST /v1/subscriptions, as an app on a phone would."""
    import aiohttp

    wish = {
        "imap": {
            "host": "127.0.0.1",
            "port": stage.mail_server.tls_port,
            "tls": "implicit",
            "username": USER,
            "auth": {"type": "password", "password": PASSWORD},
        },
        "endpoints": {
            "new_mail": stage.push_service.make_webpush_subscription(APP),
            "reconnect": stage.push_service.make_simplepush("reconnect"),
        },
        "payload": "summary",
        "wait_seconds": BELL_SECONDS,
    }
    async with aiohttp.ClientSession() as session, session.post(f"{stage.url}/v1/subscriptions", json=wish) as response:
        answer: dict[str, Any] = await response.json(content_type=None)
        if response.status not in (201, 202):
            raise _Failed(f"the gateway refused the subscription: {response.status} {answer.get('detail', '')}")
        return answer


async def _ring(stage: _Stage, number: int, terminal: Terminal) -> None:
    """One mail, all its way."""
    stage.timeline = timeline = Timeline()
    stage.settled.clear()
    uid = stage.mail_server.deliver(USER, plausible(number))

    def is_it(received: Received) -> bool:
        messages = (received.payload or {}).get("messages") or []
        return any(message.get("uid") == uid for message in messages)

    try:
        found = await stage.push_service.wait_for(is_it, BELL_SECONDS, name=APP)
    except TimeoutError:
        raise _Failed(f"no push arrived within {BELL_SECONDS} s") from None
    timeline.received(time.perf_counter())
    if not timeline.complete:
        try:
            async with asyncio.timeout(FACT_SECONDS):
                await stage.settled.wait()
        except TimeoutError:
            pass  # the bell rang; a step that was not seen is left out
    for step, after_ms in timeline.steps():
        terminal.step(step, after_ms)
    message = (found[-1].payload or {})["messages"][0]
    terminal.ring(f"{message['from']}: {message['subject']}", timeline.total_ms)
    terminal.line()
