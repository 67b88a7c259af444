"""Each call of the interface reaches its verb and gives the answer that the interface promises."""

from __future__ import annotations

import pytest

from idlebell.gateway.shapes import FilterTestRequest
from idlebell.model.problem import FieldError, Problem
from idlebell.telemetry.facts import RequestRefused, SupervisorCaught

BEARER = {"authorization": "Bearer ibs_token"}


@pytest.mark.parametrize("status", [200, 201, 202])
async def test_subscribing_answers_with_the_view_and_the_token(stage, registration, status):
    stage.gateway.status = status
    answer = await stage.ask("POST", "/v1/subscriptions", json=registration)
    assert answer.status == status
    assert answer.headers["location"] == "/v1/subscriptions/sub_1"
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json)[:3] == ["id", "token", "state"]
    assert answer.json["created_at"] == "2026-11-22T04:00:00Z"
    assert answer.json["last_push"]["version"] == 1795310202972


async def test_a_repeat_that_is_proven_by_a_token_shows_none(stage, registration):
    stage.gateway.status, stage.gateway.token = 200, None
    answer = await stage.ask("POST", "/v1/subscriptions", json=registration, headers=BEARER)
    assert "token" not in answer.json


async def test_get_never_shows_a_token(stage):
    answer = await stage.ask("GET", "/v1/subscriptions/sub_1", headers=BEARER)
    assert answer.status == 200
    assert "token" not in answer.json
    assert answer.json["problem"] is None


async def test_the_pages_of_an_api_key_take_a_cursor_and_a_limit(stage):
    answer = await stage.ask(
        "GET", "/v1/subscriptions?cursor=abc&limit=200", headers={"authorization": "Bearer ibk_all"}
    )
    assert answer.json["next"] is None
    assert [item["id"] for item in answer.json["items"]] == ["sub_1"]
    assert stage.gateway.calls == [("page", "abc", 200)]


@pytest.mark.parametrize("limit", ["0", "201", "-1", "x", "1e2", "٣", "9" * 5000])
async def test_a_limit_out_of_bounds_is_refused(stage, limit):
    answer = await stage.ask("GET", "/v1/subscriptions", params={"limit": limit}, headers=BEARER)
    assert (answer.status, answer.json["type"]) == (422, "/problems/invalid-request")


@pytest.mark.parametrize("media_type", ["application/merge-patch+json", "application/json; charset=utf-8"])
async def test_a_patch_reaches_the_gateway_as_it_is(stage, media_type):
    answer = await stage.ask(
        "PATCH",
        "/v1/subscriptions/sub_1",
        data=b'{"paused": true, "payload": null}',
        headers={**BEARER, "content-type": media_type},
    )
    assert answer.status == 200
    assert stage.gateway.calls == [("change", "sub_1", {"paused": True, "payload": None})]


async def test_credentials_sent_again_get_the_status_of_the_verdict(stage):
    body = {"auth": {"type": "password", "password": "x"}, "wait_seconds": 0}
    answer = await stage.ask("PUT", "/v1/subscriptions/sub_1/credentials", json=body, headers=BEARER)
    assert answer.status == 202
    assert answer.json["id"] == "sub_1"


async def test_a_test_notification_answers_200_with_the_outcome(stage):
    answer = await stage.ask("POST", "/v1/subscriptions/sub_1/test", headers=BEARER)
    assert answer.status == 200
    assert answer.json == {"outcome": "accepted", "status": 201, "took_ms": 12.5, "detail": ""}


async def test_trying_a_filter_answers_what_would_ring(stage):
    asked = {"filter": {"from": "boss"}, "limit": 5}
    answer = await stage.ask("POST", "/v1/subscriptions/sub_1/filters/test", json=asked, headers=BEARER)
    assert answer.status == 200
    assert answer.json["results"][0]["from"] == "Boss <boss@example.org>"
    assert stage.gateway.calls == [("test_filter", "sub_1", FilterTestRequest(filter={"from": "boss"}, limit=5))]


async def test_ending_answers_204_without_a_body(stage):
    answer = await stage.ask("DELETE", "/v1/subscriptions/sub_1", headers=BEARER)
    assert (answer.status, answer.content) == (204, b"")
    assert stage.gateway.calls == [("end", "sub_1")]


async def test_a_code_is_read_back(stage):
    answer = await stage.ask("POST", "/v1/subscriptions/sub_1/verify", json={"code": "c0de"}, headers=BEARER)
    assert (answer.status, answer.json["id"]) == (200, "sub_1")
    ((_, _, request),) = stage.gateway.calls
    assert request.code.text() == "c0de"
    assert "c0de" not in repr(request)


async def test_what_later_versions_bring_is_not_found_now(stage):
    answer = await stage.ask("GET", "/v1/subscriptions/sub_1/later", headers=BEARER)
    assert (answer.status, answer.json["type"]) == (404, "/problems/no-such-path")


async def test_a_link_for_a_second_device_is_made(stage):
    answer = await stage.ask("POST", "/v1/subscriptions/sub_1/links", headers=BEARER)
    assert (answer.status, answer.json) == (201, {"link_token": "ibl_link", "expires_at": "2026-11-22T04:00:00Z"})
    assert stage.gateway.calls == [("make_link", "sub_1")]


async def test_a_link_registers_in_place_of_an_account(stage, registration):
    del registration["imap"]
    answer = await stage.ask("POST", "/v1/subscriptions", json=registration | {"link": "ibl_link"})
    assert answer.status == 201
    (_, request) = stage.gateway.calls[0]
    assert request.link.text() == "ibl_link"
    assert "ibl_link" not in repr(request)


async def test_vapid_and_stats_answer_what_the_gateway_says(stage):
    assert (await stage.ask("GET", "/v1/vapid")).json == {"public_key": "BOcD"}
    assert (await stage.ask("GET", "/v1/stats", headers=BEARER)).json == {"sessions": {"watching": 1}}


# problems


async def test_a_problem_of_the_gateway_is_told_with_its_pointers(stage, registration):
    stage.gateway.problem = Problem(
        "host-unconfirmed",
        "The host was found by DNS only.",
        errors=(FieldError("/imap/host", "is missing"),),
        suggestion="imap.example.org",
    )
    answer = await stage.ask("POST", "/v1/subscriptions", json=registration)
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json == {
        "type": "/problems/host-unconfirmed",
        "title": "The host is not confirmed",
        "status": 422,
        "detail": "The host was found by DNS only.",
        "mend": "Send imap.host.",
        "errors": [{"pointer": "/imap/host", "detail": "is missing"}],
        "suggestion": "imap.example.org",
    }
    assert stage.facts == [RequestRefused("host-unconfirmed")]


async def test_a_pause_is_told_as_retry_after(stage, registration):
    stage.gateway.problem = Problem("throttled", "The server asks for a pause.", retry_after_seconds=120)
    answer = await stage.ask("POST", "/v1/subscriptions", json=registration)
    assert (answer.status, answer.headers["retry-after"]) == (422, "120")


async def test_an_unexpected_error_is_told_without_its_text(stage, registration):
    stage.gateway.failure = RuntimeError("correct horse")
    answer = await stage.ask("POST", "/v1/subscriptions", json=registration)
    assert (answer.status, answer.json["type"]) == (500, "/problems/internal")
    assert b"horse" not in answer.content
    caught = [fact for fact in stage.facts if isinstance(fact, SupervisorCaught)]
    assert [fact.part for fact in caught] == ["rest"]
    assert "horse" not in caught[0].error


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer ", "Token x", "Bearer wrong", "bearer wrong"])
async def test_a_token_that_is_none_is_401_with_a_challenge(stage, header):
    answer = await stage.ask("GET", "/v1/subscriptions/sub_1", headers={"authorization": header})
    assert (answer.status, answer.json["type"]) == (401, "/problems/unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="idlebell"'


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"imap": {"username": "a", "port": "hunter2"}}, "/imap/port"),
        ({"imap": {"username": "a", "tls": "hunter2"}}, "/imap/tls"),
        ({"imap": {"username": "a", "auth": {"type": "hunter2"}}}, "/imap/auth/type"),
        ({"imap": {"username": "a", "auth": {"type": "password", "password": ["hunter2"]}}}, "/imap/auth/password"),
        ({"imap": {"username": "a", "auth": "hunter2"}}, "/imap/auth"),
        ({"imap": "hunter2"}, "/imap"),
        ({"endpoints": {"new_mail": {"type": "hunter2", "url": "hunter2"}}}, "/endpoints/new_mail/type"),
        ({"payload": "hunter2"}, "/payload"),
        ({"lease_seconds": "hunter2"}, "/lease_seconds"),
        ({"unknown": "hunter2"}, "/unknown"),
    ],
)
async def test_a_wrong_member_is_pointed_at_and_its_value_never_repeated(stage, registration, body, pointer):
    answer = await stage.ask("POST", "/v1/subscriptions", json={**registration, **body})
    assert (answer.status, answer.json["type"]) == (422, "/problems/invalid-request")
    assert pointer in [error["pointer"] for error in answer.json["errors"]]
    assert b"hunter2" not in answer.content


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"null",
        b"\xff\xfe",
        b'{"a": "\xff"}',
        b"{" * 40_000,
        b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
    ],
)
async def test_what_is_no_json_object_is_400(stage, body):
    answer = await stage.ask("POST", "/v1/subscriptions", data=body, headers={"content-type": "application/json"})
    assert (answer.status, answer.json["type"]) == (400, "/problems/malformed-json")
    assert stage.gateway.calls == []


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
async def test_another_media_type_is_415(stage, media_type):
    answer = await stage.ask("POST", "/v1/subscriptions", data=b"{}", headers={"content-type": media_type})
    assert (answer.status, answer.json["type"]) == (415, "/problems/unsupported-media-type")


async def test_an_address_is_looked_up_by_a_body_and_not_by_a_url(stage):
    answer = await stage.ask("POST", "/v1/discover", json={"address": "alice@example.org"})
    assert (answer.status, answer.json) == (200, {"servers": [], "provider": None})
    assert stage.gateway.calls[-1][0] == "look_up"
    assert stage.gateway.calls[-1][1].address == "alice@example.org"
    assert (await stage.ask("GET", "/v1/discover?address=alice@example.org")).status == 405


async def test_a_challenge_is_answered_with_a_registration_and_what_the_server_said_last(stage):
    body = {"login": "ibr_token", "client_final": "c=biws,r=x,p=y"}
    answer = await stage.ask("POST", "/v1/logins", json=body)
    assert (answer.status, answer.json["token"], answer.json["server_final"]) == (201, "ibs_token", "v=proven")
    assert "ibr_token" not in repr(stage.gateway.calls)
