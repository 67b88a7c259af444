"""Endpoints that behave, and every way that we know for one not to."""

from __future__ import annotations

import asyncio
import gzip
from ipaddress import ip_network

import pytest
from http_peers import answering, read_request, request
from net_peers import LOOPBACK, FakeResolver

from idlebell.net.egress import Egress
from idlebell.net.http_client import BODY_BYTES, HttpClient
from idlebell.net.http_pool import CONNECTIONS_PER_ORIGIN
from idlebell.push.exchange import HttpResponse, NoResponse

SECRET = "s3cret-token"


async def test_a_request_goes_out_as_it_stands(serve, client, server_tls):
    """Nothing is added but Host, Content-Length, User-Agent and Accept; the path is not rewritten."""
    seen = []

    async def handler(peer):
        seen.append(await read_request(peer))
        await peer.say(b"HTTP/1.1 201 Created", b"Location: /m/1", b"Content-Length: 2", b"", b"ok"[:2])

    served = await serve(handler, server_tls)
    answer = await client.send(
        request(f"https://mail.test:{served.port}/a%2Fb/../%c3%A9?x=%20+&y#z"), timeout_seconds=5
    )
    assert answer == HttpResponse(201, {"location": "/m/1", "content-length": "2"}, b"ok")
    (first, headers, body) = seen[0]
    assert first == b"POST /a%2Fb/../%c3%A9?x=%20+&y HTTP/1.1"
    assert body == b"body"
    assert set(headers) == {"host", "content-length", "user-agent", "accept", "ttl", "content-type"}


async def test_a_connection_is_used_again(serve, client, server_tls):
    served = await serve(answering(b"HTTP/1.1 200 OK"), server_tls)
    for _ in range(3):
        assert isinstance(await client.send(request(f"https://mail.test:{served.port}/")), HttpResponse)
    assert len(served.peers) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_is_not_followed(serve, client, status):
    """S4."""
    served = await serve(
        answering(b"HTTP/1.1 %d Moved" % status, b"Location: http://169.254.169.254/", b"Refresh: 0; url=http://[::1]/")
    )
    answer = await client.send(request(f"http://mail.test:{served.port}/"))
    assert isinstance(answer, HttpResponse)
    assert answer.status == status
    assert served.received.count(b"POST ") == 1


async def test_of_an_endless_body_no_more_than_the_bound_is_taken(serve, client):
    async def handler(peer):
        await read_request(peer)
        await peer.say(b"HTTP/1.1 200 OK", b"Content-Length: 10000000000", b"")
        while True:
            peer.writer.write(b"x" * 65_536)
            await peer.writer.drain()

    served = await serve(handler)
    answer = await client.send(request(f"http://mail.test:{served.port}/"))
    assert isinstance(answer, HttpResponse)
    assert answer.body == b"x" * BODY_BYTES


async def test_a_compressed_body_stays_compressed(serve, client):
    """N1: no gzip bomb; we do not even say that we understand it."""
    bomb = gzip.compress(b"\0" * 1_000_000)[:1_000]
    served = await serve(answering(b"HTTP/1.1 200 OK", b"Content-Encoding: gzip", body=bomb))
    answer = await client.send(request(f"http://mail.test:{served.port}/"))
    assert isinstance(answer, HttpResponse)
    assert answer.body == bomb
    assert b"accept-encoding" not in served.received.lower()


async def test_a_flood_of_interim_responses_is_broken_off(serve, client):
    """N1."""

    async def handler(peer):
        await read_request(peer)
        while True:
            await peer.say(b"HTTP/1.1 103 Early Hints", b"Link: </>", b"")

    served = await serve(handler)
    answer = await client.send(request(f"http://mail.test:{served.port}/"), timeout_seconds=10)
    assert isinstance(answer, NoResponse)
    assert answer.reason == "broken"


async def test_a_few_interim_responses_are_passed_over(serve, client):
    async def handler(peer):
        while True:
            await read_request(peer)
            await peer.say(*[b"HTTP/1.1 103 Early Hints", b""] * 3, b"HTTP/1.1 204 No Content", b"")

    served = await serve(handler)
    for _ in range(2):
        answer = await client.send(request(f"http://mail.test:{served.port}/"))
        assert isinstance(answer, HttpResponse)
        assert answer.status == 204


@pytest.mark.parametrize(
    "header",
    [b"X: " + b"x" * 20_000, b"\r\n".join(b"X-%d: y" % number for number in range(200))],
    ids=["long", "many"],
)
async def test_a_giant_header_is_broken(serve, client, header):
    served = await serve(answering(b"HTTP/1.1 200 OK", header))
    answer = await client.send(request(f"http://mail.test:{served.port}/"))
    assert isinstance(answer, NoResponse)
    assert answer.reason == "broken"


@pytest.mark.parametrize("said", [b"* OK this is IMAP", b"HTTP/9.9 what", b"\x00\x01\x02\x03", b"HTTP/1.1 abc OK\r\n"])
async def test_what_is_no_http_is_broken(serve, client, said):
    async def handler(peer):
        await read_request(peer)
        await peer.say(said, b"")

    served = await serve(handler)
    answer = await client.send(request(f"http://mail.test:{served.port}/"))
    assert isinstance(answer, NoResponse)
    assert answer.reason == "broken"


async def test_a_server_that_hangs_is_a_timeout(serve, client):
    async def handler(peer):
        await peer.rest()

    served = await serve(handler)
    answer = await client.send(request(f"http://mail.test:{served.port}/"), timeout_seconds=0.1)
    assert isinstance(answer, NoResponse)
    assert answer.reason == "timeout"


async def test_a_body_that_drips_is_a_timeout_but_of_a_push(serve, client):
    async def handler(peer):
        await read_request(peer)
        await peer.say(b"HTTP/1.1 200 OK", b"Content-Length: 4000", b"")
        while True:
            peer.writer.write(b"x")
            await peer.writer.drain()
            await asyncio.sleep(0.01)

    served = await serve(handler)
    url = f"http://mail.test:{served.port}/"
    unread = await client.send(request(url), timeout_seconds=0.2)
    assert isinstance(unread, NoResponse)
    assert unread.reason == "timeout"
    answer = await client.push(request(url), timeout_seconds=0.2)
    assert isinstance(answer, HttpResponse)
    assert answer.status == 200
    assert 0 < len(answer.body) < 4000
    assert set(answer.body) == {ord("x")}


async def test_a_wrong_certificate_is_tls(serve, client, server_tls):
    served = await serve(answering(b"HTTP/1.1 200 OK"), server_tls)
    answer = await client.send(request(f"https://other.test:{served.port}/"))
    assert isinstance(answer, NoResponse)
    assert answer.reason == "tls"
    assert "wrong-host" in answer.detail
    assert served.received == b""


async def test_a_server_in_clear_behind_https_is_tls(serve, client):
    async def handler(peer):
        await peer.reader.read(5)
        await peer.say(b"HTTP/1.1 400 Bad Request", b"")

    served = await serve(handler)
    answer = await client.send(request(f"https://mail.test:{served.port}/"))
    assert isinstance(answer, NoResponse)
    assert answer.reason == "tls"


async def test_nobody_listening_is_refused(serve, client):
    served = await serve(answering(b"HTTP/1.1 200 OK"), host="127.0.0.3")
    answer = await client.send(request(f"http://mail.test:{served.port}/"))
    assert answer == NoResponse("refused", answer.detail)


async def test_an_unknown_name_is_dns(client):
    answer = await client.send(request("https://nowhere.test/"))
    assert isinstance(answer, NoResponse)
    assert answer.reason == "dns"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "169.254.169.254", "mail.test", "[::ffff:127.0.0.1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_what_egress_forbids_is_not_dialled_by_name_or_by_literal(serve, policy, resolver, scheme, host):
    """S2."""
    served = await serve(answering(b"HTTP/1.1 200 OK"))
    client = HttpClient(Egress(endpoint_ports=frozenset({served.port})), resolver, policy)
    answer = await client.send(request(f"{scheme}://{host}:{served.port}/"))
    await client.close()
    assert isinstance(answer, NoResponse)
    assert answer.reason == "not-allowed"
    assert served.peers == []


async def test_a_rebinding_name_is_checked_at_every_dial(serve, policy):
    """S3: first an allowed address, then another one."""
    resolver = FakeResolver(rebind_test=[["127.0.0.9"], ["127.0.0.1"]])
    served = await serve(answering(b"HTTP/1.1 200 OK"))
    client = HttpClient(Egress(allow=(ip_network("127.0.0.9/32"),), allow_plaintext=True), resolver, policy)
    url = f"http://rebind.test:{served.port}/"
    answers = [await client.send(request(url)) for _ in range(2)]
    await client.close()
    assert [answer.reason for answer in answers if isinstance(answer, NoResponse)] == ["refused", "not-allowed"]
    assert served.peers == []


async def test_http_needs_an_allowed_network_and_the_switch(serve, policy, resolver):
    served = await serve(answering(b"HTTP/1.1 200 OK"))
    client = HttpClient(Egress(allow=LOOPBACK.allow), resolver, policy)
    answer = await client.send(request(f"http://mail.test:{served.port}/"))
    await client.close()
    assert isinstance(answer, NoResponse)
    assert answer.reason == "not-allowed"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://user:pass@mail.test/",
        "http://127.0.0.1:80\\@mail.test/",
        "http://mail.test\t/",
        "http://mail.test\n/",
        "http://ma il.test/",
        "http://[::1]evil/",
        "http://mail。test/",
        "http:///path",
        "http://mail.test:99999/",
        "http://mail.test:0/",
        "http://mail.test:-1/",
        "ftp://mail.test/",
        "file:///etc/passwd",
        "gopher://mail.test/",
        "//mail.test/",
        "mail.test",
        "",
        "https://mail.test/" + "x" * 10_000,
        "http://mail.test#@evil.test/",
        "http://mail.test%00.evil/",
    ],
)
async def test_a_url_that_two_parsers_could_read_differently_is_not_allowed(client, resolver, url):
    """S5."""
    answer = await client.send(request(url))
    assert isinstance(answer, NoResponse)
    assert answer.reason == "not-allowed"
    assert resolver.asked == []


async def test_the_environment_names_no_proxy(serve, client, monkeypatch):
    proxy = await serve(answering(b"HTTP/1.1 200 OK"))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    served = await serve(answering(b"HTTP/1.1 204 No Content"))
    answer = await client.send(request(f"http://mail.test:{served.port}/"))
    assert isinstance(answer, HttpResponse)
    assert answer.status == 204
    assert proxy.peers == []


async def test_the_operators_proxy_is_used_and_the_rules_still_hold(serve, policy, resolver):
    proxy = await serve(answering(b"HTTP/1.1 204 No Content"))
    egress = Egress(allow=(ip_network("127.0.0.1/32"),), allow_plaintext=True)
    client = HttpClient(egress, resolver, policy, proxy=f"http://127.0.0.1:{proxy.port}")
    through = await client.send(request("http://mail.test/x"))
    literal = await client.send(request("http://169.254.169.254/"))
    await client.close()
    assert isinstance(through, HttpResponse)
    assert proxy.received.startswith(b"POST http://mail.test/x HTTP/1.1\r\n")
    assert isinstance(literal, NoResponse)
    assert literal.reason == "not-allowed"
    assert proxy.received.count(b"POST") == 1


async def test_a_cookie_is_never_sent_back(serve, client):
    served = await serve(answering(b"HTTP/1.1 200 OK", b"Set-Cookie: a=b; Path=/"))
    for _ in range(2):
        await client.send(request(f"http://mail.test:{served.port}/"))
    assert b"cookie" not in served.received.lower()


async def test_connections_to_one_origin_are_bounded(serve, client):
    """N1: a slow endpoint holds its own lane and nobody else's."""
    release = asyncio.Event()

    async def handler(peer):
        while True:
            await read_request(peer)
            await release.wait()
            await peer.say(b"HTTP/1.1 204 No Content", b"")

    served = await serve(handler)
    sending = [
        asyncio.ensure_future(client.send(request(f"http://mail.test:{served.port}/")))
        for _ in range(CONNECTIONS_PER_ORIGIN + 6)
    ]
    while len(served.peers) < CONNECTIONS_PER_ORIGIN:
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    assert len(served.peers) == CONNECTIONS_PER_ORIGIN
    release.set()
    answers = await asyncio.gather(*sending)
    assert all(isinstance(answer, HttpResponse) for answer in answers)
    assert len(served.peers) == CONNECTIONS_PER_ORIGIN


async def test_no_detail_holds_the_url(serve, client):
    """A push URL is a secret (threats C2): what failed is told without it."""

    async def broken(peer):
        await peer.say(b"garbage")

    served = await serve(broken)
    urls = (
        f"http://mail.test:{served.port}/{SECRET}",
        f"http://nowhere.test/{SECRET}",
        f"https://mail.test:{served.port}/{SECRET}",
        f"http://bad host/{SECRET}",
        f"http://127.0.0.3:1/{SECRET}",
    )
    for url in urls:
        assert SECRET not in repr(await client.send(request(url)))


async def test_a_cancelled_request_is_cancelled(serve, client):
    async def handler(peer):
        await peer.rest()

    served = await serve(handler)
    sending = asyncio.ensure_future(client.send(request(f"http://mail.test:{served.port}/")))
    while not served.peers:
        await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
