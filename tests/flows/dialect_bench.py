"""A client at the front whose gateway is real (:mod:`flows.gateway_bench`) and whose mail server answers STATUS."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, cast

from flows.gateway_bench import Bench
from idlebell.front.own import Answer, Asked, Here, Own, OwnCommand
from idlebell.front.registering import Registering
from idlebell.gateway.live_logins import LiveLogin
from idlebell.imap.commands import Command, Status
from idlebell.imap.encode_response import encode_response
from idlebell.imap.framing import Frame, Framer, LiteralAnnounced
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.responses import Condition, PlainCode, StatusData, TaggedResponse
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.endpoint import Provable
from idlebell.model.proof import Asked as CodeAsked
from idlebell.model.secret import Secret
from idlebell.model.subscription import Subscription
from idlebell.push.encryption import point, private_key

CODE = "c0de-c0de"
KEY = private_key(lambda count: hashlib.shake_256(b"client").digest(count))
P256DH = base64.urlsafe_b64encode(point(KEY)).decode().rstrip("=")
AUTH = base64.urlsafe_b64encode(bytes(range(16))).decode().rstrip("=")


@dataclass(eq=False)
class Client:
    """``asked``: of its mail server."""

    username: str = "alice@example.org"
    asked: list[Command] = field(default_factory=list)
    says_status: bool = True
    missing: str = ""
    """A mailbox that is not there."""

    async def ask(self, command: Command) -> Asked:
        self.asked.append(command)
        assert isinstance(command, Status)
        if command.mailbox == self.missing:
            return Asked(TaggedResponse("x", Condition.NO, PlainCode("NONEXISTENT"), "No."), ())
        told = StatusData(command.mailbox, uid_validity=3, uid_next=21)
        return Asked(TaggedResponse("x", Condition.OK, None, ""), (told,) if self.says_status else ())


class DialectBench:
    def __init__(self, bench: Bench | None = None) -> None:
        self.bench = bench or Bench()
        self.client = Client()
        self._logins: dict[int, LiveLogin] = {}
        self.registering = Registering(
            self.bench.gateway.live_logins, self.bench.gateway.vapid_public_key, self.login_of
        )

    def login_of(self, here: Here) -> LiveLogin:
        target = ImapTarget("imap.example.org", 993, Tls.IMPLICIT)
        return self._logins.setdefault(id(here), LiveLogin(target, here.username, "192.0.2.1", True))

    async def says(self, own: Own, line: bytes, *literals: bytes, client: Client | None = None) -> Answer:
        """The answer to a command, which must be the family's own; each ``%`` of ``line`` is a literal. It can be encoded."""
        command = command_of(line, *literals)
        here = cast(Here, client or self.client)
        opening = command.frame.parts[0].partition(b" ")[2]
        assert own.claims(command.name, opening, here)
        answer = await own.answer(command, here)
        encode_response(TaggedResponse("a1", answer.condition, answer.code, answer.text))
        return answer

    async def send_code(self) -> None:
        """What the dispatcher does: each endpoint that needs one has a code now."""
        for one in await self.bench.stored():
            until = self.bench.clock.now() + (one.expires_at - self.bench.clock.now())

            def asked(own: Any) -> Any:
                waits = isinstance(own, Provable)
                return replace(own, proof=CodeAsked(Secret(CODE), until)) if waits else own  # noqa: B023 - called at once

            await self.bench.store.put(replace(one, endpoints=one.endpoints.mapped(asked)))

    async def only(self) -> Subscription:
        (one,) = await self.bench.stored()
        return one


def command_of(line: bytes, *literals: bytes) -> OwnCommand:
    pieces = line.split(b"%")
    wire = pieces[0]
    for literal, behind in zip(literals, pieces[1:], strict=True):
        wire += b"{%d+}\r\n" % len(literal) + literal + behind
    framer = Framer(DEFAULT_LIMITS, server_side=True)
    framer.feed(b"a1 " + wire + b"\r\n")
    while isinstance(frame := framer.next_frame(), LiteralAnnounced):
        pass
    assert isinstance(frame, Frame)
    name = line.split(b" ")[0].decode().upper()
    return OwnCommand("a1", name, frame, 3 + len(name))
