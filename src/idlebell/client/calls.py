"""Each call of the API as a value, and what its answer means. Pure: both clients send these and read by these."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec

from idlebell.client.logins import Challenge, ScramClient
from idlebell.client.problems import ApiError, GatewayUnreachableError, GoneError
from idlebell.client.shapes import Auth, Endpoint, Handle, MailServer, Subscription, TestResult

ANSWER_BYTES: Final = 1_048_576
"""Of one answer. A gateway that says more is none."""
TIMEOUT_SECONDS: Final = 45.0
"""Longer than the 30 s that a registration may be asked to wait."""
_GONE: Final = (401, 404, 410)

Shape = TypeVar("Shape")


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    body: bytes | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    of_handle: bool = False
    """A refusal may mean that the subscription is no more."""

    def headers(self, accept: str = "application/json") -> dict[str, str]:
        headers = {"Accept": accept}
        if self.body is not None:
            headers["Content-Type"] = "application/json"
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers`` with names in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def subscribe(
    username: str,
    auth: Auth | None,
    server: MailServer,
    endpoints: Mapping[str, Endpoint | Sequence[Endpoint]],
    wishes: Mapping[str, Any],
    token: str | None,
) -> Call:
    imap = {**server.json(), "username": username, **({} if auth is None else {"auth": auth.json()})}
    shown = {
        role: [one.json() for one in given] if isinstance(given, Sequence) else given.json()
        for role, given in endpoints.items()
    }
    return _call("POST", "/v1/subscriptions", {"imap": imap, "endpoints": shown, **wishes}, token)


def get(handle: Handle) -> Call:
    return _of(handle, "GET")


def patch(handle: Handle, members: Mapping[str, Any]) -> Call:
    return _of(handle, "PATCH", members)


def resupply(handle: Handle, auth: Auth, wait_seconds: float) -> Call:
    return _of(handle, "PUT", {"auth": auth.json(), "wait_seconds": wait_seconds}, "/credentials")


def test(handle: Handle) -> Call:
    return _of(handle, "POST", None, "/test")


def verify(handle: Handle, code: str | None) -> Call:
    """An older gateway has no such path: that tells nothing of the subscription."""
    return replace(_of(handle, "POST", {"code": code}, "/verify"), of_handle=False)


def end(handle: Handle) -> Call:
    return _of(handle, "DELETE")


def events(handle: Handle) -> Call:
    return _of(handle, "GET", None, "/events")


def sign_ins() -> Call:
    return _call("GET", "/v1/sign-ins", None, None)


def begin_sign_in(host: str, username: str, retention: str, token: str | None) -> Call:
    members = {"host": host, "username": username, "retention": retention}
    return _call("POST", "/v1/sign-ins", members, token)


def answer_login(challenge: Challenge, scram: ScramClient, wait_seconds: float) -> Call:
    """Whatever the app's library raises where the server's challenge is none."""
    final = scram.step(challenge.server_first.encode()).decode()
    return _call(
        "POST", "/v1/logins", {"login": challenge.token, "client_final": final, "wait_seconds": wait_seconds}, None
    )


def vapid() -> Call:
    return _call("GET", "/v1/vapid", None, None)


def read(call: Call, answer: Answer, shape: type[Shape]) -> Shape:
    """ApiError where the gateway says no, GatewayUnreachableError where it is none."""
    check(call, answer)
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise GatewayUnreachableError("The answer is not one of Idlebell's.") from None


def registered(call: Call, answer: Answer, token: str | None) -> tuple[Handle, Subscription]:
    """``token``: by which it was proven, and which goes on working where no new one is given."""
    shown = read(call, answer, Subscription)
    new = read(call, answer, _Token).token or token
    if new is None:
        raise GatewayUnreachableError("The answer has no token.")
    return Handle(shown.id, new), shown


def tested(call: Call, answer: Answer) -> TestResult:
    return read(call, answer, TestResult)


def vapid_key(call: Call, answer: Answer) -> str:
    return read(call, answer, _Vapid).public_key


def check(call: Call, answer: Answer) -> None:
    if 200 <= answer.status <= 299:
        return
    try:
        problem = json.loads(answer.body)
    except (ValueError, RecursionError):
        problem = {}
    members = problem if isinstance(problem, dict) else {}
    kind = GoneError if call.of_handle and answer.status in _GONE else ApiError
    raise kind(answer.status, members, _seconds(answer.headers.get("retry-after", "")))


class _Token(msgspec.Struct):
    token: str | None = None


class _Vapid(msgspec.Struct):
    public_key: str


def _of(handle: Handle, method: str, members: Mapping[str, Any] | None = None, more: str = "") -> Call:
    path = f"/v1/subscriptions/{quote(handle.id, safe='')}{more}"
    call = _call(method, path, members, handle.token)
    return Call(call.method, call.path, call.body, call.token, of_handle=True)


def _call(method: str, path: str, members: Mapping[str, Any] | None, token: str | None) -> Call:
    return Call(method, path, None if members is None else msgspec.json.encode(members), token)


def _seconds(value: str) -> float | None:
    return float(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
