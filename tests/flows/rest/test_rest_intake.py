"""What stands before the web framework: bounds, host names, origins, peers."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress

import pytest

from idlebell.gateway.limits import KEY_POLICY, Quota
from idlebell.model.problem import Problem, ProblemError
from idlebell.rest import limits

PROXY = {"trusted_proxies": (ipaddress.ip_network("127.0.0.0/8"),)}


async def raw(stage, data: bytes, *more: bytes) -> bytes:
    """Sends bytes as they are and reads until the server closes or has answered once."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.server.port)
    try:
        for part in (data, *more):
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            return head + await reader.read(65_536)
    finally:
        writer.close()


@pytest.mark.parametrize("size", [limits.MAX_BODY_BYTES + 1, 500_000])
async def test_a_body_over_64_kib_is_413(stage, size):
    answer = await stage.ask(
        "POST", "/v1/subscriptions", data=b"x" * size, headers={"content-type": "application/json"}
    )
    assert (answer.status, answer.json["type"]) == (413, "/problems/body-too-large")
    assert stage.gateway.calls == []


async def test_a_body_without_an_announced_length_is_bounded_too(stage):
    async def pieces():
        for _ in range(100):
            yield b"x" * 1024

    answer = await stage.ask("POST", "/v1/subscriptions", data=pieces(), headers={"content-type": "application/json"})
    assert answer.status == 413


async def test_an_endless_announced_length_is_answered_at_once(stage):
    answer = await raw(
        stage,
        b"POST /v1/subscriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"content-length: 99999999999\r\n\r\n",
    )
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


async def test_a_body_of_exactly_64_kib_is_read(stage, registration):
    import msgspec

    body = msgspec.json.encode(registration)
    body += b" " * (limits.MAX_BODY_BYTES - len(body))
    answer = await stage.ask("POST", "/v1/subscriptions", data=body, headers={"content-type": "application/json"})
    assert answer.status == 201


async def test_a_body_that_does_not_come_is_408(stage, monkeypatch):
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)
    answer = await raw(
        stage,
        b"POST /v1/subscriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"content-length: 10\r\n\r\n{",
    )
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"/problems/request-timeout" in answer


async def test_a_head_that_does_not_come_ends_the_connection(stage, monkeypatch):
    monkeypatch.setattr(limits, "BODY_SECONDS", 0.05)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await raw(stage, b"GET /healthz HTTP/1.1\r\nhost: loc")


async def test_an_endless_head_ends_the_connection(stage):
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await raw(stage, b"GET /healthz HTTP/1.1\r\nx: ", *[b"y" * 16_384 for _ in range(64)])


async def test_too_many_headers_are_431(stage):
    answer = await stage.ask("GET", "/healthz", headers={f"x-{number}": "1" for number in range(110)})
    assert (answer.status, answer.json["type"]) == (431, "/problems/headers-too-large")


async def test_a_head_over_16_kib_is_431(stage):
    headers = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 4000) for number in range(5))
    answer = await raw(stage, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n" + headers + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_compressed_body_is_415(stage):
    answer = await stage.ask(
        "POST",
        "/v1/subscriptions",
        data=b"\x1f\x8b",
        headers={"content-type": "application/json", "content-encoding": "gzip"},
        skip_auto_headers=["accept-encoding"],
    )
    assert answer.status == 415


async def test_a_client_that_goes_away_in_its_body_asks_nothing(stage):
    _, writer = await asyncio.open_connection("127.0.0.1", stage.server.port)
    writer.write(b"POST /v1/subscriptions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n{")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await stage.ask("GET", "/healthz")).status == 200
    assert stage.gateway.calls == []


async def test_garbage_is_answered_400_and_hurts_nobody(stage):
    assert (await raw(stage, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")).startswith(b"HTTP/1.1 400 ")
    assert (await stage.ask("GET", "/healthz")).status == 200


# methods


async def test_head_is_get_without_a_body(stage):
    answer = await stage.ask("HEAD", "/v1/vapid")
    assert (answer.status, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 0


async def test_another_method_is_405_and_names_those_that_are_allowed(stage):
    answer = await stage.ask("DELETE", "/v1/subscriptions")
    assert (answer.status, answer.json["type"]) == (405, "/problems/method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_options_names_all_methods_of_a_path(stage):
    answer = await stage.ask("OPTIONS", "/v1/subscriptions/sub_1")
    assert (answer.status, answer.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH")


async def test_another_path_is_404(stage):
    answer = await stage.ask("GET", "/v2/subscriptions")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")


# names


@pytest.mark.parametrize(
    "host", ["evil.example.net", "127.0.0.1.evil.example.net", "", "localhost.evil", "a b", "[::1"]
)
async def test_a_name_bound_anew_to_loopback_is_refused(stage, host):
    answer = await stage.ask("GET", "/healthz", headers={"host": host})
    assert (answer.status, answer.json["type"]) == (421, "/problems/host-not-served")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8025", "127.0.0.1:1", "[::1]:8025", "192.0.2.1"])
async def test_addresses_and_localhost_are_served(stage, host):
    assert (await stage.ask("GET", "/healthz", headers={"host": host})).status == 200


async def test_the_public_name_is_served(stage_with):
    async with stage_with(public_url="https://push.example.org/idlebell") as stage:
        assert (await stage.ask("GET", "/healthz", headers={"host": "push.example.org"})).status == 200
        assert (await stage.ask("GET", "/healthz", headers={"host": "evil.example.org"})).status == 421


async def test_a_page_of_another_origin_may_not_write(stage, registration):
    answer = await stage.ask(
        "POST", "/v1/subscriptions", json=registration, headers={"origin": "https://evil.example.net"}
    )
    assert (answer.status, answer.json["type"]) == (403, "/problems/origin-not-allowed")
    assert stage.gateway.calls == []


async def test_a_page_of_our_own_origin_may_write(stage, registration):
    answer = await stage.ask("POST", "/v1/subscriptions", json=registration, headers={"origin": stage.server.url})
    assert answer.status == 201


async def test_no_foreign_origin_may_read_unless_it_is_named(stage, stage_with):
    foreign = {"origin": "https://app.example.org"}
    assert "access-control-allow-origin" not in (await stage.ask("GET", "/v1/vapid", headers=foreign)).headers
    async with stage_with(cors=("https://app.example.org",)) as open_stage:
        answer = await open_stage.ask("GET", "/v1/vapid", headers=foreign)
        assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
        other = await open_stage.ask("GET", "/v1/vapid", headers={"origin": "https://evil.example.net"})
        assert "access-control-allow-origin" not in other.headers
        assert "origin" in other.headers["vary"]


async def test_a_named_origin_may_ask_beforehand_and_write(stage_with, registration):
    async with stage_with(cors=("https://app.example.org",)) as stage:
        foreign = {"origin": "https://app.example.org"}
        asked = {**foreign, "access-control-request-method": "PATCH", "access-control-request-headers": "authorization"}
        answer = await stage.ask("OPTIONS", "/v1/subscriptions/sub_1", headers=asked)
        assert answer.status == 204
        assert "PATCH" in answer.headers["access-control-allow-methods"]
        assert "authorization" in answer.headers["access-control-allow-headers"]
        assert (await stage.ask("POST", "/v1/subscriptions", json=registration, headers=foreign)).status == 201


# peers


async def test_loopback_without_a_proxy_is_secure(stage, registration):
    await stage.ask("POST", "/v1/subscriptions", json=registration)
    caller = stage.gateway.callers[-1]
    assert (caller.address, caller.secure) == ("127.0.0.1", True)


async def test_what_an_unnamed_proxy_forwards_is_not_secure(stage, registration):
    headers = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}
    await stage.ask("POST", "/v1/subscriptions", json=registration, headers=headers)
    caller = stage.gateway.callers[-1]
    assert (caller.address, caller.secure) == ("127.0.0.1", False)


async def test_a_named_proxy_is_believed(stage_with, registration):
    async with stage_with(**PROXY) as stage:
        for protocol, secure in (("https", True), ("http", False)):
            headers = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": protocol}
            await stage.ask("POST", "/v1/subscriptions", json=registration, headers=headers)
            caller = stage.gateway.callers[-1]
            assert (caller.address, caller.secure) == ("192.0.2.7", secure)


async def test_metrics_are_for_loopback_or_a_key_with_the_scope(stage_with):
    async with stage_with(**PROXY, metrics=lambda: b"x 1\n") as stage:
        answer = await stage.ask("GET", "/metrics")
        assert (answer.status, answer.content) == (200, b"x 1\n")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        away = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}
        assert (await stage.ask("GET", "/metrics", headers=away)).status == 401
        for token, status in (("ibs_token", 401), ("ibk_bare", 403), ("ibk_all", 200)):
            headers = {**away, "authorization": f"Bearer {token}"}
            assert (await stage.ask("GET", "/metrics", headers=headers)).status == status


# headers


@pytest.mark.parametrize("path", ["/healthz", "/nowhere", "/docs", "/v1/vapid"])
async def test_every_answer_has_the_security_headers(stage, path):
    answer = await stage.ask("GET", path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


async def test_health_and_readiness(stage, stage_with):
    assert (await stage.ask("GET", "/healthz")).json == {"status": "alive"}
    assert (await stage.ask("GET", "/readyz")).json == {"status": "ready"}

    async def broken() -> Problem | None:
        return Problem("canary-silent", "The canary's account is not being watched.")

    async with stage_with(ready=broken) as unready:
        answer = await unready.ask("GET", "/readyz")
        assert (answer.status, answer.json["type"]) == (503, "/problems/canary-silent")
        assert answer.json["detail"] == "The canary's account is not being watched."
        assert (await unready.ask("GET", "/healthz")).status == 200


# how much, how often, how slowly


async def test_every_answer_tells_what_is_left_and_the_last_one_when_there_is_more(stage_with):
    async with stage_with(requests_per_minute=2) as stage:
        first = await stage.ask("GET", "/healthz")
        assert first.headers["ratelimit-policy"] == '"requests";q=2;w=60'
        assert first.headers["ratelimit"] == '"requests";r=1;t=30'
        assert (await stage.ask("GET", "/v1/no-such-path")).headers["ratelimit"].startswith('"requests";r=0;t=')
        refused = await stage.ask("GET", "/healthz")
        assert (refused.status, refused.json["type"]) == (429, "/problems/too-many-requests")
        again = refused.headers["retry-after"]
        assert refused.headers["ratelimit"] == f'"requests";r=0;t={again}'
        keyed = await stage.ask("GET", "/v1/stats", headers={"authorization": "Bearer ibk_all"})
        assert (keyed.status, "ratelimit" in keyed.headers) == (200, False)


async def test_tokens_that_are_none_are_soon_not_looked_at_any_more(stage_with, monkeypatch):
    """T1: nor are requests that show a key where nobody looks at it, to be counted as nobody's."""
    monkeypatch.setattr(limits, "GUESSES_PER_MINUTE", 3)

    async def statuses(stage, path, token):
        return [(await stage.ask("GET", path, headers={"authorization": token})).status for _ in range(5)]

    for token in ("Bearer ibk_guess", "basic aWJrX2d1ZXNzOg=="):
        async with stage_with(requests_per_minute=100) as stage:
            assert await statuses(stage, "/v1/stats", token) == [401, 401, 401, 429, 429]
            assert await statuses(stage, "/v1/stats", "Bearer ibk_all") == [429] * 5, "of the same address"
    async with stage_with(requests_per_minute=3) as stage:
        assert await statuses(stage, "/healthz", "Bearer ibk_any") == [200, 200, 200, 429, 429]
    async with stage_with(requests_per_minute=3) as stage:
        assert await statuses(stage, "/v1/stats", "Bearer ibk_all") == [200] * 5


async def test_a_key_that_asks_too_often_takes_nothing_from_others_of_its_address(stage_with, monkeypatch):
    """M1."""
    async with stage_with(requests_per_minute=3) as stage:
        authenticate = stage.gateway.authenticate

        async def spent(*given, counted, **named):
            counted.append(Quota(KEY_POLICY, 1, 0, 60, spent=True))
            raise ProblemError(Problem("too-many-requests", "Too many requests with this API key."))

        monkeypatch.setattr(stage.gateway, "authenticate", spent)
        for _ in range(5):
            one = await stage.ask("GET", "/v1/stats", headers={"authorization": "Bearer ibk_all"})
            assert (one.status, one.json["detail"]) == (429, "Too many requests with this API key.")
        monkeypatch.setattr(stage.gateway, "authenticate", authenticate)
        assert (await stage.ask("GET", "/v1/stats", headers={"authorization": "Bearer ibk_all"})).status == 200


async def test_an_answer_that_nobody_takes_ends_with_its_connection(stage, monkeypatch):
    """D2: whether much of it waits or little, and whether the connection was to go on or not."""
    monkeypatch.setattr(limits, "SEND_SECONDS", 0.05)
    big = b"x" * 8_000_000

    async def much() -> str:
        return big.decode()

    stage.gateway.vapid_public_key = much
    for ending in (b"connection: close\r\n", b""):
        _, writer = await asyncio.open_connection("127.0.0.1", stage.server.port, limit=1)
        writer.write(b"GET /v1/vapid HTTP/1.1\r\nhost: localhost\r\n" + ending + b"\r\n")
        async with asyncio.timeout(10):
            while not stage.server.connections:
                await asyncio.sleep(0.005)
            while stage.server.connections:
                await asyncio.sleep(0.005)
        writer.transport.abort()


async def test_empty_lines_do_not_keep_a_connection(stage, monkeypatch):
    monkeypatch.setattr(limits, "KEEP_ALIVE_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
    await reader.readuntil(b"}")
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"\r\n")
                await writer.drain()
                if reader.at_eof():
                    break
                await asyncio.sleep(0.01)
    writer.close()


async def test_an_address_has_so_many_connections(stage_with):
    async with stage_with(connections_per_address=2) as stage:
        held = [await asyncio.open_connection("127.0.0.1", stage.server.port) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.server.port)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        for _, one in held:
            one.close()


async def test_slow_heads_and_bodies_take_no_place_from_who_asks_something(stage_with):
    """Each of them holds a place for as long as nobody else wants it."""
    head = b"GET /v1/subscriptions HTTP/1.1\r\nhost: localhost\r\n"
    async with stage_with(connections=6) as stage:
        held = []
        for number, sent in enumerate(
            (head, b"", b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{") * 3
        ):
            pair = await asyncio.open_connection(
                "127.0.0.1", stage.server.port, local_addr=(f"127.0.1.{1 + number % 2}", 0)
            )
            pair[1].write(sent)
            held.append(pair)
        for _ in range(3):
            answer = await stage.ask("GET", "/healthz")
            assert answer.status == 200
        gone = [reader for reader, _ in held if reader.at_eof()]
        assert 1 <= len(gone) <= 6, "as many as were in the way"
        for _, writer in held:
            writer.close()
