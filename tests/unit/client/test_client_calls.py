"""Both clients against a gateway that answers as it is told: what is sent, and what comes of each answer."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, get_args

import msgspec
import pytest

from idlebell.client import (
    ApiError,
    Apns,
    Apprise,
    AsyncClient,
    Client,
    Endpoint,
    Event,
    Fcm,
    GatewayUnreachableError,
    GoneError,
    Handle,
    MailServer,
    Mwi,
    NotGenuineError,
    Password,
    SimplePush,
    Webhook,
    WebPush,
)
from idlebell.client.calls import ANSWER_BYTES
from idlebell.client.events import EVENT_BYTES, EventReader
from idlebell.gateway.endpoint_shapes import ApnsShape, EndpointShape
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.sasl import ScramSha256
from idlebell.model.secret import Secret

# RFC 7677 section 3
CLIENT_ENTROPY = base64.b64decode("rOprNGfwEbeRWgbNEkqO")
SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="

SHOWN = {
    "id": "sub_a",
    "state": "watching",
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": "2026-01-31T00:00:00Z",
    "lease_seconds": 2_592_000,
    "later": [],
}
HANDLE = Handle("sub_a", "ibs_x")


@dataclass
class Gateway:
    url: str = ""
    answer: tuple[int, dict[str, str], bytes] = (200, {}, json.dumps(SHOWN).encode())
    asked: list[tuple[str, str, str | None, Any]] = field(default_factory=list)

    def say(self, status: int, body: Any, **headers: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answer = (status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    found = Gateway()

    class Answers(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.asked.append(
                (self.command, self.path, self.headers["Authorization"], json.loads(body) if body else None)
            )
            status, headers, raw = found.answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/gateway/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


Ask = Callable[..., Any]


@pytest.fixture(params=["waiting", "asyncio"])
def ask(request: pytest.FixtureRequest, gateway: Gateway) -> Ask:
    """Calls a method of either client by its name."""

    def waiting(method: str, *args: Any, **wishes: Any) -> Any:
        found = getattr(Client(gateway.url, key="ibk_x"), method)(*args, **wishes)
        return list(found) if method == "events" else found

    def at_once(method: str, *args: Any, **wishes: Any) -> Any:
        async def called() -> Any:
            async with AsyncClient(gateway.url, key="ibk_x") as client:
                if method == "events":
                    return [one async for one in client.events(*args, **wishes)]
                return await getattr(client, method)(*args, **wishes)

        return asyncio.run(called())

    return waiting if request.param == "waiting" else at_once


def test_a_registration_sends_what_the_api_wants(ask: Ask, gateway: Gateway) -> None:
    gateway.say(201, {**SHOWN, "token": "ibs_new"})
    endpoints = {"new_mail": WebPush("https://p/x", "P", "A"), "reconnect": SimplePush("https://p/y")}
    handle, shown = ask(
        "subscribe", "alice", Password("secret"), endpoints, server=MailServer("imap.example.org"), payload="content"
    )
    assert (handle, shown.state) == (Handle("sub_a", "ibs_new"), "watching")
    assert gateway.asked == [
        (
            "POST",
            "/gateway/v1/subscriptions",
            "Bearer ibk_x",
            {
                "imap": {
                    "host": "imap.example.org",
                    "username": "alice",
                    "auth": {"type": "password", "password": "secret"},
                },
                "endpoints": {
                    "new_mail": {"type": "webpush", "url": "https://p/x", "keys": {"p256dh": "P", "auth": "A"}},
                    "reconnect": {"type": "simplepush", "url": "https://p/y"},
                },
                "payload": "content",
            },
        )
    ]


def test_a_web_push_says_what_a_browser_is_to_show() -> None:
    assert "declarative" not in WebPush("https://p/x", "P", "A").json()
    assert "application_server_key" not in WebPush("https://p/x", "P", "A").json()
    assert WebPush("https://p/x", "P", "A", application_server_key="K").json()["application_server_key"] == "K"
    assert WebPush("https://p/x", "P", "A", "https://app/").json()["declarative"] == {"navigate": "https://app/"}
    named = WebPush("https://p/x", "P", "A", navigate="https://app/", title="Acme")
    assert named.json()["declarative"] == {"navigate": "https://app/", "title": "Acme"}


def test_a_list_of_endpoints_is_sent_and_shown_in_its_order(ask: Ask, gateway: Gateway) -> None:
    since = "2026-11-26T12:00:00Z"
    away = {"type": "/problems/endpoint-failing", "detail": "It did not take it.", "since": since}
    bells = [
        {"type": "webpush", "host": "p", "used": False, "problem": away},
        {"type": "simplepush", "host": "q", "used": True, "problem": None},
    ]
    gateway.say(201, {**SHOWN, "token": "ibs_new", "endpoints": {"new_mail": bells}})
    given = {"new_mail": [WebPush("https://p/x", "P", "A"), SimplePush("https://q/y")]}
    _, shown = ask("subscribe", "alice", Password("secret"), given, fall_through_seconds=60)
    *_, body = gateway.asked[-1]
    assert [one["type"] for one in body["endpoints"]["new_mail"]] == ["webpush", "simplepush"]
    first, second = shown.endpoints.new_mail
    assert (first.used, first.problem.type, second.used, second.problem) == (False, away["type"], True, None)


@pytest.mark.parametrize(
    ("method", "args", "sent"),
    [
        ("get", (), ("GET", "", None)),
        ("renew", (), ("PATCH", "", {"lease_seconds": None})),
        ("resupply", (Password("p"),), ("PUT", "/credentials", {"auth": Password("p").json(), "wait_seconds": 10})),
        ("end", (), ("DELETE", "", None)),
        ("verify", ("c0de",), ("POST", "/verify", {"code": "c0de"})),
    ],
)
def test_a_call_to_a_subscription(
    ask: Ask, gateway: Gateway, method: str, args: tuple[Any, ...], sent: tuple[str, str, Any]
) -> None:
    ask(method, HANDLE, *args)
    verb, more, body = sent
    assert gateway.asked == [(verb, f"/gateway/v1/subscriptions/sub_a{more}", "Bearer ibs_x", body)]


def test_a_patch_sends_its_members_and_a_test_is_told(ask: Ask, gateway: Gateway) -> None:
    assert ask("patch", HANDLE, paused=True, filter=None).id == "sub_a"
    assert gateway.asked[0][3] == {"paused": True, "filter": None}
    gateway.say(200, {"outcome": "accepted", "status": 201, "took_ms": 3.5, "detail": ""})
    assert ask("test", HANDLE).outcome == "accepted"
    gateway.say(200, {"public_key": "BK"})
    assert ask("vapid_key") == "BK"


CHALLENGE = {"login": {"token": "ibr_x", "server_first": SERVER_FIRST.decode(), "expires_at": "2026-01-01T00:00:00Z"}}


@pytest.mark.parametrize("final", [SERVER_FINAL.decode(), "v=AAAA", "e=other-error", ""])
@pytest.mark.parametrize("again", [False, True])
def test_an_app_logs_in_by_itself_and_believes_no_server_that_does_not_know_the_password(
    ask: Ask, gateway: Gateway, final: str, again: bool
) -> None:
    """The example of RFC 7677 section 3. An answer of both forms stands for the two that come."""
    gateway.say(200, {**SHOWN, **CHALLENGE, "token": "ibs_new", "server_final": final})
    scram = ScramSha256("user", "pencil", CLIENT_ENTROPY)

    def log_in() -> Any:
        if again:
            return ask("resupply_by_scram", HANDLE, scram, wait_seconds=5)
        return ask("subscribe_by_scram", "user", scram, {"new_mail": SimplePush("https://p/x")}, wait_seconds=5)

    if final == SERVER_FINAL.decode():
        found = log_in()
        assert found.id == "sub_a" if again else found[0] == Handle("sub_a", "ibs_new")
    else:
        with pytest.raises((NotGenuineError, RemoteProtocolError)):
            log_in()
    begun, answered, *rest = gateway.asked
    auth = begun[3]["auth"] if again else begun[3]["imap"]["auth"]
    first = ScramSha256("user", "pencil", CLIENT_ENTROPY).initial().decode()
    assert auth == {"type": "scram-relay", "mechanism": "SCRAM-SHA-256", "client_first": first}
    assert answered == (
        "POST",
        "/gateway/v1/logins",
        None,
        {"login": "ibr_x", "client_final": CLIENT_FINAL.decode(), "wait_seconds": 5},
    )
    token = "ibs_x" if again else "ibs_new"
    ended = [("DELETE", "/gateway/v1/subscriptions/sub_a", f"Bearer {token}", None)]
    assert rest == ([] if final == SERVER_FINAL.decode() else ended)


def test_a_sign_in_is_begun_and_what_comes_back_belongs_to_it(ask: Ask, gateway: Gateway) -> None:
    corp = {"name": "corp", "title": "Corp", "hosts": ["example.org"], "redirect_uri": "https://g/signed-in/corp"}
    gateway.say(200, {"items": [corp], "retentions": ["session", "vault"]})
    offered = ask("sign_ins")
    assert offered.retentions == ("session", "vault")
    (provider,) = offered.items
    hosts = ("example.org", "imap.example.org", "notexample.org")
    assert [provider.serves(host) for host in hosts] == [True, True, False]
    begun = {
        "sign_in": "ibo_s3cret", "name": "corp", "authorization_url": "https://login/auth?client_id=a&state=st4te",
        "redirect_uri": corp["redirect_uri"], "expires_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    gateway.say(201, begun)
    sign_in = ask("begin_sign_in", "imap.example.org", "alice", retention="vault", handle=HANDLE)
    wanted = {"host": "imap.example.org", "username": "alice", "retention": "vault"}
    assert gateway.asked[-1] == ("POST", "/gateway/v1/sign-ins", "Bearer ibs_x", wanted)
    back = corp["redirect_uri"]
    signed_in = sign_in.returned(f"{back}?code=c0de&state=st4te&iss=https%3A%2F%2Flogin")
    members = {"type": "sign_in", "sign_in": "ibo_s3cret", "state": "st4te", "code": "c0de"}
    assert signed_in.json() == {**members, "iss": "https://login"}
    assert sign_in.returned(f"{back}?code=c0de&state=st4te").json() == members
    assert not [secret for secret in ("s3cret", "c0de", "st4te") if secret in repr((sign_in, signed_in))]
    for query in ("?code=c0de", "?code=c0de&state=another", ""):
        with pytest.raises(NotGenuineError):
            sign_in.returned(back + query)
    with pytest.raises(ApiError, match="access_denied"):
        sign_in.returned(f"{back}?error=access_denied&state=st4te")


def test_a_refusal_is_told_in_the_words_of_the_gateway(ask: Ask, gateway: Gateway) -> None:
    gateway.say(
        422,
        {"type": "/problems/invalid-request", "errors": [{"pointer": "/imap", "detail": "is bad"}, 7]},
        Retry_After="30",
    )
    with pytest.raises(ApiError, match="422 invalid-request: /imap is bad") as caught:
        ask("get", HANDLE)
    assert (caught.value.errors, caught.value.retry_after_seconds) == ((("/imap", "is bad"),), 30)
    assert not isinstance(caught.value, GoneError)


@pytest.mark.parametrize("status", [401, 404, 410])
def test_a_subscription_that_is_no_more_is_gone(ask: Ask, gateway: Gateway, status: int) -> None:
    gateway.say(status, {"type": "/problems/not-found"})
    with pytest.raises(GoneError):
        ask("renew", HANDLE)
    with pytest.raises(ApiError) as caught:
        ask("vapid_key")
    assert not isinstance(caught.value, GoneError)


def test_a_gateway_that_verifies_no_web_push_has_lost_no_subscription(ask: Ask, gateway: Gateway) -> None:
    gateway.say(404, {"type": "/problems/not-found"})
    with pytest.raises(ApiError) as caught:
        ask("verify", HANDLE, "c0de")
    assert not isinstance(caught.value, GoneError)


@pytest.mark.parametrize("method", ["get", "events"])
def test_a_token_follows_no_redirect(ask: Ask, gateway: Gateway, method: str) -> None:
    gateway.say(307, {}, Location=f"{gateway.url}/elsewhere")
    with pytest.raises(ApiError, match="307"):
        ask(method, HANDLE)
    assert len(gateway.asked) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b"\xff", b" " * (ANSWER_BYTES + 1)])
def test_what_is_no_answer_of_a_gateway_is_said(ask: Ask, gateway: Gateway, body: bytes) -> None:
    gateway.say(200, body)
    with pytest.raises(GatewayUnreachableError):
        ask("get", HANDLE)


def test_a_proxy_that_refuses_in_html_is_a_refusal(ask: Ask, gateway: Gateway) -> None:
    gateway.say(502, b"<html>")
    with pytest.raises(ApiError, match="502"):
        ask("get", HANDLE)


def test_events_come_as_they_are_sent(ask: Ask, gateway: Gateway) -> None:
    gateway.say(200, b': hello\n\nid: 7\nevent: state\ndata: {"state":\ndata: "watching"}\n\ndata: 1\r\n\r\nid: 9\n')
    assert ask("events", HANDLE, after="6") == [Event("7", "state", {"state": "watching"}), Event("7", "message", 1)]
    gateway.say(404, {})
    with pytest.raises(GoneError):
        ask("events", HANDLE)


def test_any_cut_of_a_stream_gives_the_same_events() -> None:
    stream = b'id: 1\r\nevent: a\r\ndata: "x"\r\n\r\n: keep-alive\n\nid: 2\ndata: 2\n\n'
    whole = list(EventReader().receive(stream))
    assert len(whole) == 2
    for cut in range(len(stream)):
        reader = EventReader()
        assert [*reader.receive(stream[:cut]), *reader.receive(stream[cut:])] == whole


@pytest.mark.parametrize(
    "stream", [b"data: " + b"x" * EVENT_BYTES, b"data: x\n" * EVENT_BYTES, b"data: {\n\n", b"data: \xff\n\n"]
)
def test_an_event_that_is_none_ends_the_stream(stream: bytes) -> None:
    with pytest.raises(GatewayUnreachableError):
        list(EventReader().receive(stream))


def test_nobody_there_is_said(ask: Ask) -> None:
    with pytest.raises(GatewayUnreachableError):
        Client("http://127.0.0.1:1").get(HANDLE)

    async def called() -> None:
        async with AsyncClient("http://127.0.0.1:1") as client:
            await client.get(HANDLE)

    with pytest.raises(GatewayUnreachableError):
        asyncio.run(called())


@pytest.mark.parametrize("url", ["", "idlebell.example", "ftp://x", "https://"])
def test_an_address_that_is_none_is_said(url: str) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(ValueError, match="http"):
            kind(url)


EVERY_ENDPOINT: tuple[Endpoint, ...] = (
    SimplePush("https://s3cret"),
    WebPush("https://s3cret", "s3cret", "s3cret"),
    Webhook("https://s3cret", "whsec_s3cret"),
    Apprise("ntfys://s3cret@ntfy.example.org/topic"),
    Fcm("s3cret"),
    Apns("s3cret"),
    Apns("s3cret", sandbox=True),
    Mwi("sip:1001:s3cret@192.0.2.7"),
)


def test_the_gateway_reads_every_kind_of_endpoint() -> None:
    assert {type(one) for one in EVERY_ENDPOINT} == set(get_args(Endpoint))
    read = [
        msgspec.convert(one.json(), EndpointShape, dec_hook=lambda _, text: Secret(text.encode()))
        for one in EVERY_ENDPOINT
    ]
    assert {type(one) for one in read} == set(get_args(EndpointShape))
    assert [one.sandbox for one in read if isinstance(one, ApnsShape)] == [False, True]


def test_no_secret_is_shown() -> None:
    shown = repr((Password("s3cret"), HANDLE, EVERY_ENDPOINT))
    assert "s3cret" not in shown
    assert "ibs_x" not in shown
