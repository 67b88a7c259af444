"""Where a behaviour is tried: a user of a real server, a subscription of the whole gateway to it, and a webhook that hears."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeVar

from imapclient import IMAPClient

from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.cyrus_server import CyrusServer
from servers.filtering_proxy import FilteringProxy
from servers.mail_server import SandboxedServer, User

Result = TypeVar("Result")

RING_SECONDS: Final = 60
"""Longer than any way takes, on a machine that is busy with other tests."""
THOROUGH_SECONDS: Final = 180
"""Some more than four probes, of which the last asks STATUS: it finds what a server does not say at NOOP."""
CLIENT_SECONDS: Final = 120
"""A server where several clients hold each other up by locks, as Courier does, may take long over an answer."""
SENTINEL: Final = "sentinel"


@dataclass(frozen=True)
class Way:
    """How the mailbox in question is watched. ``hidden``: capabilities that the server is not seen to have. ``box``: which of
    ``wish`` is in question. ``mode``: what the API calls it."""

    name: str
    hidden: tuple[str, ...]
    wish: tuple[str, ...]
    box: str
    mode: str
    sessions: int | None = None

    def beside(self, box: str) -> Way:
        """The same with another mailbox in question, alone or beside INBOX as before."""
        wish = (box,) if len(self.wish) == 1 else tuple(dict.fromkeys(("INBOX", box)))
        return Way(self.name, self.hidden, wish, box, self.mode, self.sessions)


@dataclass
class Stage:
    server: SandboxedServer
    gateway: GatewayProcess
    service: PushService
    proxy: FilteringProxy
    user: User
    way: Way
    hook: str
    made: dict[str, Any] = field(default_factory=dict)
    _sentinels: Iterator[int] = field(default_factory=lambda: count(1))

    def spell(self, box: str) -> str:
        return box if box == "INBOX" else self.server.spell(*box.split("/"))

    @property
    def box(self) -> str:
        return self.spell(self.way.box)

    # --- what others do to the mailbox ---

    async def deliver(self, subject: str, box: str | None = None) -> None:
        """As mail comes: by LMTP, or as Courier's own delivery agent does."""
        await asyncio.to_thread(self.server.deliver, self.user.name, mail.make(subject=subject), box or self.box)

    async def by_client(self, act: Callable[[IMAPClient], Result]) -> Result:
        """Another client of the same user."""

        def run() -> Result:
            with self.client() as client:
                return act(client)

        return await asyncio.to_thread(run)

    @contextmanager
    def client(self) -> Iterator[IMAPClient]:
        with IMAPClient(
            "localhost", self.server.ports.imaps, ssl_context=self.server.client_context(), timeout=CLIENT_SECONDS
        ) as client:
            client.login(self.user.name, self.user.password)
            yield client

    def create(self, client: IMAPClient, box: str) -> None:
        """A mailbox that mail can be delivered into."""
        client.create_folder(self.spell(box))
        client.subscribe_folder(self.spell(box))
        if isinstance(self.server, CyrusServer):
            client.setacl(self.spell(box), "anyone", "p")

    # --- what the app hears ---

    async def subscribe(self, **more: Any) -> None:
        """With credentials kept: a session that the server ends is opened again by itself."""
        body = subscription(
            self.proxy.port,
            self.user.name,
            self.user.password,
            {"new_mail": self.service.make_webhook(self.hook)},
            payload="summary",
            retention="memory",
            wait_seconds=30,
            **{"mailboxes": [self.spell(box) for box in self.way.wish], **more},
        )
        body["imap"]["tls"] = "none"
        status, self.made = await self.gateway.call("POST", "/v1/subscriptions", body)
        assert (status, self.made["state"]) == (201, "watching"), self.made
        if "mailboxes" not in more:
            await self.until_watched(self.way.box, mode=self.way.mode)

    async def shown(self) -> dict[str, Any]:
        _, shown = await self.gateway.call("GET", f"/v1/subscriptions/{self.made['id']}", token=self.made["token"])
        return shown

    async def watched(self, box: str) -> dict[str, Any] | None:
        """What the API shows of one mailbox."""
        name = self.spell(box)
        return next((one for one in (await self.shown())["mailboxes"] if one["name"] == name), None)

    async def until_watched(
        self, box: str, *, but_not: int | None = None, mode: str | None = None, seconds: float = RING_SECONDS
    ) -> None:
        """Its cursor is set, under another UIDVALIDITY than ``but_not``, and it is watched in this mode."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    known = await self.watched(box)
                    if (
                        known is not None
                        and known["uid_validity"] not in (None, but_not)
                        and mode in (None, known["mode"])
                    ):
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{box} is not watched: {await self.shown()}") from None

    def bells(self) -> list[dict[str, Any]]:
        """The payloads of ``new_mail`` so far."""
        return [one.payload for one in self.service.of(self.hook) if one.type == "new_mail" and one.payload]

    def announced(self) -> int:
        """Messages so far, sentinels left out."""
        sentinels = sum(times for subject, times in self._subjects().items() if subject.startswith(SENTINEL))
        return sum(int(bell["count"]) for bell in self.bells()) - sentinels

    def _subjects(self) -> Counter[str]:
        return Counter(one["subject"] for bell in self.bells() for one in bell.get("messages", ()))

    async def until_announced(self, subject: str, seconds: float = RING_SECONDS) -> None:
        await self.service.wait_for(lambda _: self._subjects()[subject] > 0, seconds, name=self.hook)

    async def settle(self, box: str | None = None) -> None:
        """UIDs grow, and mail is announced in their order: once this one is, all before it is decided."""
        subject = f"{SENTINEL} {next(self._sentinels)}"
        await self.deliver(subject, box)
        await self.until_announced(subject)

    async def outcome(self, *subjects: str, box: str | None = None) -> str:
        """``rings``: each was announced, once, and nothing else; ``quiet``: none. Else what was."""
        await self.settle(box)
        rang = Counter({name: times for name, times in self._subjects().items() if not name.startswith(SENTINEL)})
        others = sorted(set(rang) - set(subjects))
        times = [rang[subject] for subject in subjects]
        if others:
            return f"others rang: {', '.join(others)}"
        if all(one == 1 for one in times):
            return "rings"
        return "quiet" if not any(times) else f"rang {times} times"


@asynccontextmanager
async def stage(
    server: SandboxedServer, user: User, gateway: GatewayProcess, service: PushService, way: Way, hook: str,
    *, prepare: Sequence[str] = (),
) -> AsyncIterator[Stage]:  # fmt: skip
    """``user`` gets the mailboxes that ``way`` names, and ``prepare``'s; nobody watches yet."""
    async with FilteringProxy(server.ports.imap, way.hidden, sessions=way.sessions) as proxy:
        made = Stage(server, gateway, service, proxy, user, way, hook)

        def make(client: IMAPClient) -> None:
            for box in dict.fromkeys(("INBOX", *way.wish, *prepare)):
                if box != "INBOX":
                    made.create(client, box)
                # Courier numbers a mailbox anew at every EXAMINE until somebody has selected it.
                client.select_folder(made.spell(box))

        await made.by_client(make)
        yield made
