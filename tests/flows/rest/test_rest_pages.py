"""Pages for people, and the server around them."""

from __future__ import annotations

import asyncio
import re
import ssl

import aiohttp
import pytest
import trustme

from idlebell.model.problem import PROBLEMS
from idlebell.rest import RestOptions, RestServer
from idlebell.rest.app import create_app


async def test_the_docs_page_needs_nothing_from_elsewhere(stage):
    page = await stage.ask("GET", "/docs")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    text = page.content.decode()
    linked = re.findall(r'(?:src|href)="([^"#]+)"', text)
    for link in linked:
        assert link.startswith(("/", "data:,")), link
        if link.startswith("/"):
            assert (await stage.ask("GET", link)).status == 200
    assert "<script>" not in text
    assert "style=" not in text
    script = (await stage.ask("GET", "/docs/docs.js")).content.decode()
    assert "innerHTML" not in script
    assert "https://" not in script


async def test_the_description_is_served(stage):
    answer = await stage.ask("GET", "/openapi.json")
    assert answer.json["openapi"] == "3.1.0"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["x", "..%2fdocs.js", "%2e%2e%2f%2e%2e%2fapp.py"])
async def test_no_other_file_is_served(stage, name):
    assert (await stage.ask("GET", f"/docs/{name}")).status == 404


async def test_each_problem_has_a_page_and_a_description(stage):
    listed = (await stage.ask("GET", "/problems")).json["items"]
    assert [item["type"] for item in listed] == [f"/problems/{code}" for code in PROBLEMS]
    one = await stage.ask("GET", "/problems/needs-tls")
    assert (one.json["status"], one.json["mend"]) == (403, PROBLEMS["needs-tls"].mend)
    page = await stage.ask("GET", "/problems/needs-tls", headers={"accept": "text/html,*/*"})
    assert page.headers["content-type"].startswith("text/html")
    assert "Credentials need TLS" in page.content.decode()
    assert (await stage.ask("GET", "/problems", headers={"accept": "text/html"})).status == 200
    assert (await stage.ask("GET", "/problems/nothing")).status == 404


async def test_over_tls_every_caller_is_secure(stage_with, tmp_path):
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1")
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with stage_with(tls_certificate=chain, tls_key=key) as stage:
        assert stage.server.url.startswith("https://")
        answer = await stage.ask(
            "GET", "/v1/subscriptions/sub_1", ssl=context, headers={"x-forwarded-for": "192.0.2.1"}
        )
        assert answer.status == 200
        assert stage.gateway.callers[-1].secure
        assert "strict-transport-security" in answer.headers


async def test_a_renewed_certificate_is_taken_and_those_who_are_connected_stay(stage_with, tmp_path):
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"

    def issue() -> ssl.SSLContext:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        key.write_bytes(certificate.private_key_pem.bytes())
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    old = issue()
    async with stage_with(tls_certificate=chain, tls_key=key) as stage:
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.server.port, ssl=old)
        issue()
        key.write_bytes(b"half of it")
        with pytest.raises(ValueError, match="are not a certificate and its key"):
            stage.server.renew_certificate()
        assert (await stage.ask("GET", "/healthz", ssl=old)).status == 200
        new = issue()
        stage.server.renew_certificate()
        async with aiohttp.ClientSession() as fresh, fresh.get(stage.server.url + "/healthz", ssl=new) as answer:
            assert answer.status == 200
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_an_address_that_is_taken_is_an_error_of_the_caller(stage):
    options = RestOptions(port=stage.server.port)
    second = RestServer(create_app(stage.gateway, options), options)
    with pytest.raises(OSError, match="in use"):
        await second.start()


async def test_files_that_hold_no_certificate_are_an_error_of_the_caller(stage, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.touch()
    options = RestOptions(port=0, tls_certificate=empty, tls_key=empty)
    server = RestServer(create_app(stage.gateway, options), options)
    with pytest.raises(ValueError, match="are not a certificate and its key"):
        await server.start()


async def test_an_answer_under_way_is_finished_when_the_server_stops(stage):
    import asyncio

    going, go = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        going.set()
        await go.wait()
        return "late"

    stage.gateway.vapid_public_key = slow
    asked = asyncio.create_task(stage.ask("GET", "/v1/vapid"))
    await going.wait()
    stopping = asyncio.create_task(stage.server.stop())
    go.set()
    assert (await asked).json == {"public_key": "late"}
    await stopping
