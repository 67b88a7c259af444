"""The form of 2013 is a thin adapter on the same verbs."""

from __future__ import annotations

import base64

import pytest

from idlebell.model.problem import Problem

FORM = {
    "username": "alice",
    "password": "correct horse & staple",
    "onNewMessageURL": "https://push.example.net/a",
    "onReconnectURL": "https://push.example.net/b",
    "IMAPServer": "imap.example.org:143",
}


@pytest.mark.parametrize("way", ["data", "json"])
async def test_register_takes_a_form_and_json_alike(stage, way):
    answer = await stage.ask("POST", "/register", **{way: FORM})
    assert answer.status == 201
    assert (answer.json["id"], answer.json["token"]) == ("sub_1", "ibs_token")
    ((name, request),) = stage.gateway.calls
    assert name == "register"
    assert request.password.text() == FORM["password"]
    assert (request.username, request.imap_server) == ("alice", "imap.example.org:143")


async def test_unregister_answers_204(stage):
    wanted = {name: FORM[name] for name in ("username", "password", "onNewMessageURL", "IMAPServer")}
    answer = await stage.ask("POST", "/unregister", data=wanted)
    assert answer.status == 204
    assert [call[0] for call in stage.gateway.calls] == ["unregister"]


async def test_a_missing_member_is_pointed_at(stage):
    answer = await stage.ask("POST", "/register", data={"username": "alice"})
    assert answer.status == 422
    pointers = {error["pointer"] for error in answer.json["errors"]}
    assert {"/password", "/onNewMessageURL", "/onReconnectURL", "/IMAPServer"} <= pointers


@pytest.mark.parametrize(("user", "password"), [("app", "ibk_all"), ("ibk_all", "")])
async def test_http_basic_carries_an_api_key(stage, user, password):
    basic = base64.b64encode(f"{user}:{password}".encode()).decode()
    answer = await stage.ask("POST", "/register", data=FORM, headers={"authorization": f"Basic {basic}"})
    assert answer.status == 201
    assert stage.gateway.callers[-1].api_key is not None


async def test_bearer_is_taken_too(stage):
    await stage.ask("POST", "/register", data=FORM, headers={"authorization": "Bearer ibk_all"})
    assert stage.gateway.callers[-1].api_key is not None


@pytest.mark.parametrize("header", ["Basic !!!", "Basic Og==", "Basic YWJj", "Digest x"])
async def test_a_broken_header_asks_for_basic(stage, header):
    answer = await stage.ask("POST", "/register", data=FORM, headers={"authorization": header})
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == 'Basic realm="idlebell", charset="UTF-8"'


async def test_a_key_that_is_needed_is_asked_for_by_basic(stage):
    stage.gateway.problem = Problem("unauthorized", "An API key is needed here.")
    answer = await stage.ask("POST", "/register", data=FORM)
    assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    "body", [b"username", b"a=%ff", b"&".join(b"a%d=1" % number for number in range(50)), b"a=\xff"]
)
async def test_what_is_no_form_is_422(stage, body):
    answer = await stage.ask(
        "POST", "/register", data=body, headers={"content-type": "application/x-www-form-urlencoded"}
    )
    assert (answer.status, answer.json["type"]) == (422, "/problems/invalid-request")
