"""A request through the front and the back, over a link that is a call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from idlebell.door import frames
from idlebell.door.back import Back
from idlebell.door.front import Front
from idlebell.door.tickets import Tickets
from idlebell.model.problem import Problem
from idlebell.rest.peer import Peer
from idlebell.telemetry.facts import Fact, SupervisorCaught


class Passage:
    def __init__(self, app: Callable[[Any, Any, Any], Any]) -> None:
        self.tickets = Tickets(bytes)
        self.facts: list[Fact] = []
        self.front = Front(self._to_back, self.tickets)
        self.back = Back(app, self._to_front, self.facts.append)
        self.answers: list[Any] = []
        self.gone = asyncio.Event()

    def _to_back(self, frame: frames.Frame) -> None:
        self.back.take(frames.decode_from_door(frames.encode(frame)))  # type: ignore[arg-type]

    def _to_front(self, frame: frames.Frame) -> None:
        self.front.take(frames.decode_from_gateway(frames.encode(frame)))  # type: ignore[arg-type]

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.answers.append(message)

    async def ask(self, body: bytes = b"", send: Any = None) -> None:
        scope = {
            "type": "http",
            "method": "POST",
            "scheme": "http",
            "path": "/v1/x",
            "raw_path": b"/v1/x",
            "query_string": b"a=b",
            "headers": [(b"content-type", b"application/json")],
            "client": ("127.0.0.1", 5),
            "state": {"head": False, "peer": Peer("127.0.0.1", True, True), "body": bytearray(body)}
            | {"counted": [], "keyed": False},
        }
        await self.front(scope, self.receive, send or self.send)


async def test_a_request_goes_over_with_a_ticket_and_its_answer_comes_back() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        assert (await receive())["body"] == b""
        assert len(passage.tickets) == 1
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body", "body": b"z" * 150_000})

    passage = Passage(app)
    await passage.ask(b'{"password": "hunter2"}')
    (scope,) = seen
    assert json.loads(scope["state"]["body"])["password"].startswith("held:")
    assert scope["state"]["peer"] == Peer("127.0.0.1", True, True)
    assert (scope["method"], scope["path"], scope["query_string"]) == ("POST", "/v1/x", b"a=b")
    start, *pieces = passage.answers
    assert (start["status"], start["headers"]) == (201, [(b"x", b"y")])
    assert b"".join(piece["body"] for piece in pieces) == b"z" * 150_000
    assert [piece["more_body"] for piece in pieces] == [True, True, False]
    assert len(passage.tickets) == 0  # nobody held it


async def test_what_cannot_be_read_is_told_in_place_of_the_body() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["state"])

    passage = Passage(app)
    await passage.ask(b'{"password": "hunter2"')
    assert seen[0]["body"] == b""
    assert isinstance(seen[0]["unreadable"], Problem)
    assert passage.answers[0]["status"] == 500  # an application that says nothing is one that failed


async def test_an_application_that_fails_is_told_of_and_answered_for() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError

    passage = Passage(app)
    await passage.ask()
    assert passage.answers[0]["status"] == 500
    assert [type(fact) for fact in passage.facts] == [SupervisorCaught]


async def test_an_answer_waits_for_its_client_and_hears_that_it_has_gone() -> None:
    sent, slow, heard = 0, asyncio.Event(), asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal sent
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2):
            await send({"type": "http.response.body", "body": b"event", "more_body": True})
            sent += 1
        assert (await receive())["type"] == "http.disconnect"
        heard.set()

    async def take(message: Any) -> None:
        passage.answers.append(message)
        if message["type"] == "http.response.body":
            await slow.wait()

    passage = Passage(app)
    asking = asyncio.create_task(passage.ask(send=take))
    while len(passage.answers) < 2:
        await asyncio.sleep(0)
    assert sent == 0
    slow.set()
    passage.gone.set()
    await heard.wait()
    await asking
    assert sent == 2
    await passage.back.close()
