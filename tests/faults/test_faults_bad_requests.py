"""What bad input gets: of each kind its own problem, with one sentence and the mend; nothing is kept, and no answer is 5xx."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from faults.fault_scene import Scene, scene, without
from idlebell.imap import commands
from idlebell.net.addresses import Address
from idlebell.net.clock import Clock
from idlebell.net.dns import Resolver
from idlebell.net.errors import Unreachable
from idlebell.rest import limits
from idlebell.testing.certificate import Authority
from idlebell.testing.faults import Hold, Refuse
from idlebell.testing.imap_server import Habits, ImapServer
from servers.sandbox import free_port

PATH = "/v1/subscriptions"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        yield made
        made.nobody_was_surprised()


# --- the account ---


@pytest.mark.parametrize(
    "offered",
    [("SASL-IR", "AUTH=PLAIN", "AUTH=SCRAM-SHA-256"), ("AUTH=PLAIN",), ("AUTH=SCRAM-SHA-256", "AUTH=PLAIN"), ()],
    ids=["scram and plain", "plain", "scram without SASL-IR", "the LOGIN command"],
)
async def test_a_wrong_password_is_sent_once_and_nothing_is_kept(stage: Scene, offered: tuple[str, ...]) -> None:
    """No second mechanism is tried with it, and the app that repeats itself is answered without the server."""
    stage.server.behave(before_login=offered)
    for _ in range(3):
        answer = await stage.subscribe(stage.wish(password="wrong"))
        assert answer.is_problem("authentication-failed"), answer
        assert answer.json["detail"].startswith("The mail server refused the user name or the password")
        await stage.nothing_is_kept()
    assert stage.server.logins == ["alice"]
    assert stage.server.connections == 1


async def test_guesses_that_come_at_once_reach_the_server_one_by_one_and_soon_not_at_all(stage: Scene) -> None:
    """O1: at most three of ten guesses are tried, the others are asked to wait."""
    answers = await asyncio.gather(
        *(
            stage.subscribe(stage.wish(password=f"guess {number}", endpoints=stage.simple(f"app{number}")))
            for number in range(10)
        )
    )
    assert {one.type for one in answers} == {"authentication-failed", "throttled"}
    assert all(one.is_problem("authentication-failed", "throttled") for one in answers)
    assert len(stage.server.logins) <= 3
    assert all("Retry-After" in one.headers for one in answers if one.type == "throttled")
    await stage.nothing_is_kept()


async def test_unknown_users_and_wrong_passwords_are_told_alike(stage: Scene) -> None:
    wrong = await stage.subscribe(stage.wish(password="none-of-the-server's-words"))
    unknown = await stage.subscribe(stage.wish("nobody", endpoints=stage.simple("alice")))
    assert wrong.body == unknown.body


async def test_hosts_that_are_refused_unknown_or_not_allowed_get_the_same_bytes_after_the_same_floor(
    stage: Scene,
) -> None:
    """S8: what one learns of a host that cannot be reached is that it cannot be reached; the operator's log says more."""
    with socket.socket() as silent:
        # Its queue of connections is full from the start: what comes next gets no answer.
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        places = {
            "refused": ("127.0.0.1", free_port()),
            "timeout": silent.getsockname(),
            "no such name": ("nowhere.invalid", 993),
            "private": ("10.11.12.13", 993),
            "metadata": ("169.254.169.254", 993),
            "metadata that looks public": ("168.63.129.16", 993),
            "a port that is not of IMAP": ("192.0.2.1", 25),
            "multicast": ("224.0.0.1", 993),
        }
        clock = Clock()

        async def ask(host: str, port: int) -> tuple[bytes, int, float]:
            began = clock.monotonic()
            body = without(stage.wish(wait_seconds=2), "/imap/host", host)
            answer = await stage.subscribe(without(body, "/imap/port", port))
            assert answer.is_problem("unreachable"), (host, answer)
            return answer.body, len(answer.headers), clock.monotonic() - began

        answers = [*await asyncio.gather(*(ask(*place) for place in places.values()))]
        for filler in fillers:
            filler.close()
    assert len({body for body, *_ in answers}) == 1
    assert len({headers for _, headers, _ in answers}) == 1
    assert min(took for *_, took in answers) >= 1.9
    assert stage.server.connections == 0
    await stage.nothing_is_kept()
    told = " ".join(one.private for one in stage.login_failures())
    for reason in ("refused", "timeout", "no-such-name", "not-allowed"):
        assert reason in told


def self_signed() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def self_signed_context(folder: Path) -> Any:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (folder / "self.pem").write_bytes(self_signed())
    context.load_cert_chain(folder / "self.pem")
    return context


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize(
    ("make", "check", "subject"),
    [
        (lambda own, folder: own.server_context(expired=True), "expired", "CN=localhost"),
        (lambda own, folder: own.server_context("mail.example.org"), "wrong-host", "CN=mail.example.org"),
        (lambda own, folder: self_signed_context(folder), "self-signed", "CN=localhost"),
        (lambda own, folder: Authority().server_context(), "unknown-authority", "CN=localhost"),
    ],
    ids=["expired", "wrong name", "self-signed", "unknown authority"],
)
async def test_a_bad_certificate_is_named_with_the_check_that_it_fails(
    stage: Scene, tmp_path: Path, tls: str, make: Callable[[Authority, Path], Any], check: str, subject: str
) -> None:
    """P6: and no credential was sent."""
    async with ImapServer(habits=Habits(tls_context=make(stage.authority, tmp_path))) as bad:
        bad.add_user("alice", "right")
        body = without(stage.wish(), "/imap/port", bad.tls_port if tls == "implicit" else bad.port)
        answer = await stage.subscribe(without(body, "/imap/tls", tls))
        assert answer.is_problem("tls-failed"), answer
        assert answer.json["detail"].startswith(f"TLS failed ({check}): ")
        assert subject in answer.json["detail"]
        assert bad.logins == []
        await stage.nothing_is_kept(bad)


@asynccontextmanager
async def saying(words: bytes, *, stay: bool = True) -> AsyncIterator[int]:
    """A port where somebody says that to everyone who comes."""
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        while stay and (data := await reader.read(4096)):
            heard.append(data)
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1]
    assert not any(b"right" in one or b"LOGIN" in one or b"AUTHENTICATE" in one for one in heard)


STRANGERS = (
    (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "none", "not-imap"),
    (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "none", "not-imap"),
    (b"220 mail.example.org ESMTP\r\n", "none", "not-imap"),
    (b"+OK POP3 ready\r\n", "none", "not-imap"),
    (b"-ERR wrong number of arguments\r\n", "none", "not-imap"),
    (bytes(range(256)) * 4, "none", "not-imap"),
    (b"\x00" * 70_000, "none", "not-imap"),
    (b"x" * 100_000, "none", "not-imap"),
    (b"A1 OK logged in\r\n", "none", "not-imap"),
    (b"", "none", "unreachable"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", "implicit", "tls-failed"),
    (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "implicit", "tls-failed"),
    (b"", "implicit", "unreachable"),
    (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", "starttls", "not-imap"),
    (b"* OK [CAPABILITY IMAP4rev1] hello\r\n", "starttls", "tls-failed"),
    (b"* OK hello\r\n* CAPABILITY IMAP4rev1 STARTTLS\r\nA1 OK done\r\n", "starttls", "protocol-error"),
    (b"* PREAUTH hello\r\n", "starttls", "tls-failed"),
    (b"* PREAUTH hello\r\n", "none", "tls-failed"),
    (b"* BYE too busy\r\n", "none", "server-error"),
)


async def test_what_does_not_speak_imap_is_told_so_and_hears_no_password(stage: Scene) -> None:
    async def ask(number: int, words: bytes, tls: str, code: str) -> None:
        async with saying(words) as port:
            body = stage.wish(wait_seconds=10, endpoints=stage.simple(f"app{number}"))
            answer = await stage.subscribe(without(without(body, "/imap/port", port), "/imap/tls", tls))
            assert answer.is_problem(code), (words[:40], tls, answer)

    await asyncio.gather(*(ask(number, *stranger) for number, stranger in enumerate(STRANGERS)))
    await stage.nothing_is_kept()
    told = {one.private for one in stage.login_failures() if one.code == "not-imap"}
    assert "not-imap: the first line is no IMAP greeting: HTTP/1.1 400 Bad <7>" in told
    assert "not-imap: the first line is no IMAP greeting: <3> <16> ESMTP" in told


async def test_a_mailbox_that_does_not_exist_is_named_and_nothing_is_kept(stage: Scene) -> None:
    answer = await stage.subscribe(stage.wish(mailboxes=["Nowhere"]))
    assert answer.is_problem("no-such-mailbox"), answer
    assert "'Nowhere'" in answer.json["detail"]
    await stage.nothing_is_kept()


@pytest.mark.parametrize("moment", ["connect", commands.Authenticate, commands.Examine])
async def test_a_server_that_does_not_answer_keeps_nobody_longer_than_asked(stage: Scene, moment: Any) -> None:
    """202 after ``wait_seconds``; ending the subscription ends the connection."""
    held = stage.server.plan(moment, Hold(), times=None)
    answer = await stage.subscribe(stage.wish(wait_seconds=0.1))
    assert (answer.status, answer.json["state"]) == (202, "connecting")
    await held.hit()
    ended = await stage.call("DELETE", f"{PATH}/{answer.json['id']}", token=answer.json["token"])
    assert ended.status == 204
    await stage.server.until(lambda: not stage.server.sessions)


async def test_what_a_server_says_in_its_refusal_is_shown_clean(stage: Scene) -> None:
    """I8: no control characters, no line of its own, no end of it cut in the middle of nothing."""
    text = "no\x1b[31m red \u202e \u2028" + "x" * 5_000
    stage.server.plan(commands.Authenticate, Refuse(text))
    answer = await stage.subscribe(stage.wish())
    assert answer.is_problem("authentication-failed"), answer
    assert answer.json["detail"].isprintable()
    assert len(answer.json["detail"]) < 300


# --- the request ---

MALFORMED = {
    "nothing": b"",
    "a brace": b"{",
    "a list": b"[]",
    "null": b"null",
    "a string": b'"x"',
    "a number": b"1",
    "not UTF-8": b'{"imap": "\xff\xfe"}',
    "UTF-16": '{"imap": 1}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"imap": 1}',
    "NaN": b'{"wait_seconds": NaN}',
    "Infinity": b'{"wait_seconds": -Infinity}',
    "single quotes": b"{'imap': 1}",
    "a comment": b'{"imap": 1 /* x */}',
    "a comma too many": b'{"imap": 1,}',
    "two values": b'{"imap": 1} {}',
    "a NUL at the end": b'{"imap": 1}\x00',
    "a control character in a string": b'{"imap": "\x01"}',
    "half a surrogate pair": b'{"imap": "\\ud800"}',
    "a number without end": b'{"lease_seconds": ' + b"9" * 60_000 + b"}",
    "lists without end": b"[" * 60_000,
    "objects without end": b'{"a":' * 10_000,
    "17 levels": b'{"filter": ' + b"[" * 16 + b"]" * 16 + b"}",
    "a string without end": b'{"imap": "' + b"x" * 60_000,
    "backslashes without end": b'{"imap": "' + b"\\" * 60_001,
    "quoted quotes without end": b'{"imap": "' + b'\\"' * 30_000,
    "quotes without end": b'"' * 60_001,
}


async def test_what_is_not_a_json_object_is_400(stage: Scene) -> None:
    for name, raw in MALFORMED.items():
        for path in (PATH, "/register"):
            answer = await stage.call("POST", path, raw=raw)
            assert answer.is_problem("malformed-json"), (path, name, answer)
    await stage.nothing_is_kept()


WRONG: tuple[Any, ...] = (None, True, -1, 1.5, 2**63, 10**40, 1e308, "", "\0", "x" * 5_000, [], [[]], {}, {"": 0})
POINTERS = (
    "/imap",
    "/imap/host",
    "/imap/port",
    "/imap/tls",
    "/imap/username",
    "/imap/auth",
    "/imap/auth/type",
    "/imap/auth/password",
    "/endpoints",
    "/endpoints/new_mail",
    "/endpoints/new_mail/type",
    "/endpoints/new_mail/url",
    "/endpoints/reconnect",
    "/mailboxes",
    "/payload",
    "/retention",
    "/lease_seconds",
    "/wait_seconds",
    "/filter",
    "/no~1such~0member",
)


async def test_every_member_with_every_wrong_value_is_told_with_its_pointer(stage: Scene) -> None:
    """Types, bounds, numbers too large for any type. What happens to be valid meets a wrong password, and is refused too."""
    for pointer in POINTERS:
        await try_values(stage, pointer)
    await stage.nothing_is_kept()


async def try_values(stage: Scene, pointer: str) -> None:
    body = stage.wish(password="wrong", wait_seconds=30, mailboxes=["INBOX"], lease_seconds=600, payload="alert")
    for value in WRONG:
        place = pointer.replace("~1", "/").replace("~0", "~") if pointer.startswith("/no") else pointer
        wrong = {**body, place[1:]: value} if pointer.startswith("/no") else without_big(body, pointer, value)
        answer = await stage.call("POST", PATH, raw=json.dumps(wrong).encode())
        assert answer.status in (400, 422), (pointer, value, answer)
        assert answer.type in ("invalid-request", "malformed-json", "authentication-failed", "unreachable"), answer
        assert answer.is_problem(answer.type)
        if answer.type == "invalid-request":
            pointers = [one["pointer"] for one in answer.json["errors"]]
            assert any(one.startswith(pointer) for one in pointers), (pointer, value, answer.json)
            assert "x" * 100 not in answer.body.decode()


def without_big(body: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """:func:`without`, for numbers that no other encoder writes."""
    copy = json.loads(json.dumps(body))
    *parents, last = pointer.strip("/").split("/")
    place = copy
    for name in parents:
        place = place[name]
    place[last] = value
    assert isinstance(copy, dict)
    return copy


@pytest.mark.parametrize("pointer", ["/imap/username", "/imap/auth/password", "/mailboxes/0", "/imap/host"])
async def test_control_characters_never_reach_the_mail_server(stage: Scene, pointer: str) -> None:
    """S9: a line of ours in a name would be a command of theirs."""
    for character in ("\0", "\r", "\n", "\r\nA2 LOGOUT\r\n", "\x7f", "\x1b", "\u0085"):
        body = stage.wish(mailboxes=["INBOX"])
        text = f"al{character}ice"
        wrong = {**body, "mailboxes": [text]} if pointer == "/mailboxes/0" else without(body, pointer, text)
        answer = await stage.subscribe(wrong)
        assert answer.is_problem("invalid-request"), answer
        assert [one["pointer"] for one in answer.json["errors"]] == [pointer]
    assert stage.server.connections == 0
    await stage.nothing_is_kept()


@pytest.mark.parametrize("offered", [(), ("AUTH=PLAIN",), ("AUTH=PLAIN", "SASL-IR")])
async def test_every_other_character_stays_within_its_argument(stage: Scene, offered: tuple[str, ...]) -> None:
    """Quotes, braces, wildcards, other scripts: the server reads one command, and the very name and password."""
    stage.server.behave(before_login=offered)
    for name in ('say "x" \\', "(a) {3}", "&", "Entwürfe", "日本", "*", "%", "a b", "a\u202eb", "{5+}", "NIL"):
        stage.server.add_user(name, name)
        answer = await stage.subscribe(stage.wish(name, name, endpoints=stage.simple("odd"), mailboxes=[name]))
        assert answer.is_problem("no-such-mailbox"), (name, answer)  # the login went well
        assert stage.server.logins[-1] == name
    await stage.nothing_is_kept()


async def test_a_form_with_a_command_in_its_fields_is_refused_too(stage: Scene) -> None:
    for field in ("username", "password"):
        form = {
            "username": "alice",
            "password": "right",
            "onNewMessageURL": stage.service.make_simplepush("n")["url"],
            "onReconnectURL": stage.service.make_simplepush("r")["url"],
            "IMAPServer": f"localhost:{stage.server.tls_port}",
        }
        form[field] += "\r\nA2 LOGOUT"
        async with stage.http.post(stage.url + "/register", data=form) as response:
            assert (response.status, (await response.json())["type"]) == (422, "/problems/invalid-request")
    assert stage.server.connections == 0
    await stage.nothing_is_kept()


async def test_a_member_that_comes_twice_is_refused(stage: Scene) -> None:
    """RFC 8259 section 4: whoever stands in between may read the other one."""
    for raw in (
        b'{"imap": {"host": "a.example", "username": "u:", "username": "v"}}',
        b'{"imap": {}, "imap": {}}',
        b'{"endpoints": {}, "imap": {}, "\\u0069map": {}}',
        b'{"mailboxes": [{"a": 1}, {"a": 1, "a": 1}]}',
    ):
        answer = await stage.call("POST", PATH, raw=raw)
        assert answer.is_problem("malformed-json"), answer
        assert "twice" in answer.json["detail"]
    async with stage.http.post(stage.url + "/unregister", data=[("username", "a"), ("username", "b")]) as response:
        assert (response.status, (await response.json())["detail"]) == (422, "The body names a field twice.")


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_oversize_body_is_413(stage: Scene, chunked: bool) -> None:
    large = b'{"imap": "' + b"x" * limits.MAX_BODY_BYTES + b'"}'

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(large), 10_000):
            yield large[at : at + 10_000]

    for method, path in (
        ("POST", PATH),
        ("PATCH", f"{PATH}/x"),
        ("POST", "/register"),
        ("PUT", f"{PATH}/x/credentials"),
    ):
        answer = await stage.call(method, path, raw=pieces() if chunked else large)
        assert answer.is_problem("body-too-large"), answer


async def raw_answer(stage: Scene, *pieces: bytes) -> bytes:
    """What is answered to these bytes, to the end of the connection; ``b""`` where it is just ended."""
    host, _, port = stage.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(10):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_slow_body_is_408_and_a_slow_head_is_ended(stage: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.2)
    head = b"POST /v1/subscriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    slow = await raw_answer(stage, head + b"Content-Length: 100\r\n\r\n{")
    assert slow.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/request-timeout" in slow
    assert await raw_answer(stage, head) == b""


FLOODS = {
    "many headers": b"".join(b"X-%d: y\r\n" % number for number in range(101)) + b"\r\n",
    "a long header": b"X-Long: " + b"y" * 17_000 + b"\r\n\r\n",
    "an endless header": b"X-Long: " + b"y" * 5_000_000,
    "endless headers": b"".join(b"X-%d: y\r\n" % number for number in range(200_000)),
}


async def test_a_flood_of_headers_is_431_or_ended(stage: Scene) -> None:
    for name, flood in FLOODS.items():
        answer = await raw_answer(stage, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + flood)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 "), name
    assert (await stage.call("GET", "/healthz")).status == 200


SMUGGLED = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length below nothing": b"Content-Length: -1\r\n\r\n",
    "a length beyond all": b"Content-Length: 99999999999999999999999\r\n\r\n",
    "a length that is a letter": b"Content-Length: \xb2\r\n\r\n",
    "an unknown coding": b"Transfer-Encoding: cow\r\n\r\n",
    "a broken chunk": b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n",
    "a NUL in a header": b"X: \x00\r\n\r\n",
    "a bare line feed": b"X: a\n\n\r\n\r\n",
    "a folded header": b"X: a\r\n b\r\n\r\n",
}


async def test_requests_that_can_be_read_in_two_ways_are_never_answered_by_success(stage: Scene) -> None:
    for name, rest in SMUGGLED.items():
        await try_smuggling(stage, name, rest)


async def try_smuggling(stage: Scene, name: str, rest: bytes) -> None:
    answer = await raw_answer(
        stage, b"POST /v1/subscriptions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + rest
    )
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), (name, answer)


BASIC = base64.b64encode(b"a:b").decode()


async def test_tokens_that_are_none_are_401(stage: Scene) -> None:
    for authorization in (
        "Bearer", "Bearer ", f"Basic {BASIC}", "Digest x", "Bearer \xe9", "Bearer " + "x" * 10_000, "bearer  ", "x",
    ):  # fmt: skip
        for method, path in (("GET", PATH), ("POST", PATH), ("GET", "/v1/stats")):
            answer = await stage.call(method, path, {} if method == "POST" else None, Authorization=authorization)
            assert answer.is_problem("unauthorized", "not-found", "invalid-request"), (path, answer)
            if answer.status == 401:
                assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_without_a_token_nothing_is_shown_and_of_others_one_learns_nothing(stage: Scene) -> None:
    """One and the same 404 for what does not exist and what is somebody else's, in every verb."""
    stage.server.add_user("bob", "right")
    alice = (await stage.subscribe(stage.wish())).json
    bob = (await stage.subscribe(stage.wish("bob"))).json
    verbs: tuple[tuple[str, str, Any], ...] = (
        ("GET", "", None),
        ("PATCH", "", {"lease_seconds": 600}),
        ("DELETE", "", None),
        ("PUT", "/credentials", {"auth": {"type": "password", "password": "x"}}),
        ("POST", "/test", None),
    )
    for method, rest, body in verbs:
        nobody = await stage.call(method, f"{PATH}/{alice['id']}{rest}", body)
        assert nobody.is_problem("unauthorized"), (method, nobody)
        bodies = set()
        for name in (alice["id"], "sub_" + "a" * len(alice["id"][4:]), "x", "%00", "..%2f", "a" * 2_000):
            foreign = await stage.call(method, f"{PATH}/{name}{rest}", body, token=bob["token"])
            assert foreign.is_problem("not-found"), (method, name, foreign)
            bodies.add(foreign.body)
        assert len(bodies) == 1
    shown = await stage.call("GET", f"{PATH}/{alice['id']}", token=alice["token"])
    assert shown.json["state"] == "watching"
    await stage.rings("alice")


async def test_methods_that_a_path_does_not_have_are_405_with_those_it_has(stage: Scene) -> None:
    for path in ("/healthz", PATH, f"{PATH}/x", f"{PATH}/x/test", "/register", "/v1/vapid", "/docs"):
        for method in ("TRACE", "PROPFIND", "PUT", "CONNECT"):
            if method == "CONNECT":
                continue  # not of a path (RFC 9110 section 9.3.6)
            answer = await stage.call(method, path)
            assert answer.is_problem("method-not-allowed"), (method, path, answer)
            assert answer.headers["Allow"]
    assert (await stage.call("GET", "/v1/nowhere")).is_problem("no-such-path")


# --- the endpoint ---

INSIDE = {
    "inside.example": "127.0.0.1",
    "inside6.example": "::1",
    "private.example": "10.0.0.1",
    "metadata.example": "169.254.169.254",
    "azure.example": "168.63.129.16",
    "mapped.example": "::ffff:127.0.0.1",
    "nat64.example": "64:ff9b::7f00:1",
    "6to4.example": "2002:7f00:1::",
    "outside.example": "93.184.216.34",
}

SPELLINGS = (
    "https://127.0.0.1/", "https://127.1/", "https://0/", "https://0.0.0.0/", "https://0x7f000001/", "https://0x7f.1/",
    "https://0177.0.0.1/", "https://2130706433/", "https://127.000.000.001/", "https://127.0.0.1./", "https://[::1]/",
    "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::127.0.0.1]/", "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/", "https://[::ffff:0:127.0.0.1]/", "https://[fe80::1]/", "https://[fe80::1%25lo]/",
    "https://[fec0::1]/", "https://[fd00:ec2::254]/", "https://[ff02::1]/", "https://[3fff::1]/", "https://[5f00::1]/",
    "https://169.254.169.254/latest/api/token", "https://168.63.129.16/", "https://192.0.0.192/", "https://100.100.100.200/",
    "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://100.64.0.1/", "https://198.18.0.1/",
    "https://224.0.0.1/", "https://240.0.0.1/", "https://255.255.255.255/", "https://192.88.99.1/", "https://[::1]evil/",
    "https://①②⑦.⓪.⓪.①/", "https://127。0。0。1/", "https://１２７.0.0.1/", "https://127.0.0.1%00.example.com/",
    "https://127.0.0.1\x00.example.com/", "https://local\thost/", "https://127.1.1.1:80\\@127.2.2.2:80/",
    "https://user@outside.example/", "https://user:pw@outside.example/", "https://outside.example@127.0.0.1/",
    "https://outside.example:22/", "https://outside.example:6379/", "https://outside.example:0/",
    "https://outside.example:65536/", "https://outside.example:443x/", "https://outside.example:/",
    "https://outside.example/#127.0.0.1", "https://localhost/", "https://LOCALHOST/", "https://localhost./",
    "https:///x", "https://", "https:/x", "//outside.example/", "outside.example", "", "http://outside.example/",
    "ftp://outside.example/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "javascript:alert(1)",
    "unix:///run/docker.sock", "https://outside.example/\r\nX: y", "https://outside.example/ x", "https://*.example/",
    *(f"https://{name}/" for name in INSIDE if name != "outside.example"),
)  # fmt: skip


@pytest.fixture
async def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """As it is without configuration: only public addresses, under TLS."""

    async def resolve(self: Resolver, host: str) -> tuple[Address, ...]:
        if host in INSIDE:
            return (ip_address(INSIDE[host]),)
        if host.rstrip(".").lower() == "localhost":
            return (ip_address("127.0.0.1"), ip_address("::1"))
        try:
            return (ip_address(host),)
        except ValueError:
            raise Unreachable("no-such-name", host) from None

    monkeypatch.setattr(Resolver, "resolve", resolve)
    async with scene(tmp_path, allow=(), plaintext=False) as made:
        yield made
        made.nobody_was_surprised()


async def test_no_spelling_of_a_forbidden_endpoint_is_taken(closed: Scene) -> None:
    """S1, S2, S5, S6, S7: addresses of every spelling, names that point inside, other schemes, ports and users. The account's
    server is not even asked; what is refused by its address is refused with the same bytes."""
    refused = set()
    for number, url in enumerate(SPELLINGS):
        role = ("new_mail", "reconnect")[number % 2]
        good = {"type": "simplepush", "url": "https://outside.example/good"}
        endpoints = {"new_mail": good, "reconnect": good, role: {"type": "simplepush", "url": url}}
        answer = await closed.subscribe(closed.wish(endpoints=endpoints, wait_seconds=1))
        assert answer.is_problem("endpoint-not-allowed", "invalid-request"), (url, answer)
        assert [one["pointer"] for one in answer.json["errors"]] == [f"/endpoints/{role}/url"], (url, answer)
        if answer.type == "endpoint-not-allowed":
            refused.add(answer.body.replace(role.encode(), b""))
        assert len(url) < 12 or url not in answer.body.decode()
    assert len(refused) == 1
    assert closed.login_failures() == []
    await closed.nothing_is_kept()


async def test_the_form_of_2013_has_the_same_rules(closed: Scene) -> None:
    for url in ("https://169.254.169.254/", "https://inside.example/", "http://outside.example/"):
        form = {
            "username": "alice",
            "password": "right",
            "onNewMessageURL": url,
            "onReconnectURL": url,
            "IMAPServer": "outside.example",
        }
        answer = await closed.call("POST", "/register", form)
        assert answer.is_problem("endpoint-not-allowed", "invalid-request"), answer
    await closed.nothing_is_kept()


async def test_a_webhook_and_a_web_push_have_the_same_rules(closed: Scene) -> None:
    for endpoint in (closed.service.make_webhook(), closed.service.make_webpush_subscription()):
        for url in ("https://inside.example/", "https://10.0.0.1/", "http://outside.example/"):
            endpoints = {"new_mail": {**endpoint, "url": url}}
            answer = await closed.subscribe(closed.wish(endpoints=endpoints, wait_seconds=1))
            assert answer.is_problem("endpoint-not-allowed", "invalid-request"), answer
    assert not closed.service.received
    await closed.nothing_is_kept()
