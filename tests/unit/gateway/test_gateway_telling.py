"""What a subscription that is told of by a mail server may ask for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import store_samples as samples
from idlebell.gateway.telling import check_told
from idlebell.model.ids import AccountId
from idlebell.model.preferences import Hushed, HushedBy, Preferences
from idlebell.model.problem import ProblemError
from idlebell.model.secret import Secret
from idlebell.model.selection import Personal
from idlebell.model.source import Form, Source
from idlebell.model.subscription import Payload

SOURCES = {form: Source("main", form, Secret("k")) for form in Form}


def faults(form: Form, *, preferences: dict[str, Any] | None = None, **members: Any) -> dict[str, str]:
    one = samples.subscription(AccountId("acc_1"), source=SOURCES[form].id, **members)
    try:
        check_told(replace(one, preferences=Preferences(**(preferences or {}))), SOURCES[form])
    except ProblemError as error:
        return {one.pointer: one.detail for one in error.problem.errors}
    return {}


@pytest.mark.parametrize(
    ("filter_", "refusing"),
    [
        ('{"from": "boss"}', set()),
        ('{"subject": "x", "after": "2026-01-01T00:00:00Z", "inMailbox": "INBOX"}', set()),
        ('{"hasKeyword": "$flagged"}', {Form.OX}),
        ('{"notKeyword": "$seen"}', {Form.OX}),
        ('{"to": "me"}', {Form.OX}),
        ('{"listId": "a"}', {Form.OX, Form.LUA}),
        ('{"isBulk": true}', {Form.OX, Form.LUA}),
        ('{"minSize": 1}', {Form.OX, Form.LUA}),
        ('{"body": "x"}', set(Form)),
        ('{"hasAttachment": true}', set(Form)),
        ('{"sieve": "if size :over 1K { keep; }"}', {Form.OX, Form.LUA}),
    ],
)
def test_rules_on_what_is_not_told_are_refused_with_the_mend(filter_: str, refusing: set[Form]) -> None:
    for form in Form:
        for member in ("filter", "vip"):
            found = faults(form, preferences={member: filter_})
            assert set(found) == ({f"/{member}"} if form in refusing else set()), form
            assert all("needs" in detail and "name an IMAP login" in detail for detail in found.values())


def test_the_nearest_mend_is_the_other_driver() -> None:
    assert "use the driver lua" in faults(Form.OX, preferences={"filter": '{"hasKeyword": "$x"}'})["/filter"]
    assert "use the driver lua" not in faults(Form.OX, preferences={"filter": '{"minSize": 1}'})["/filter"]


@pytest.mark.parametrize(
    ("members", "pointer", "refusing"),
    [
        ({"mailboxes": ("INBOX", "Work")}, "/mailboxes", {Form.OX}),
        ({"selection": Personal()}, "/mailboxes", set(Form)),
        ({"payload": Payload.CONTENT}, "/payload", set(Form)),
        ({"payload": Payload.SUMMARY}, "/payload", set()),
        ({"also": frozenset({"seen"})}, "/also", {Form.OX}),
        ({"also": frozenset({"appended"})}, "/also", set(Form)),
        ({"heartbeat_seconds": 60}, "/heartbeat_seconds", set(Form)),
        ({"preferences": {"withdraw": True}}, "/withdraw", set(Form)),
        ({"preferences": {"remind_after_seconds": 60}}, "/remind_after", set(Form)),
        ({"preferences": {"hushed": (Hushed(HushedBy.SENDER, "a@b"),)}}, "/hushed", set()),
        ({"preferences": {"hushed": (Hushed(HushedBy.LIST_ID, "a"),)}}, "/hushed", {Form.OX, Form.LUA}),
    ],
)
def test_what_needs_a_session_is_refused(members: dict[str, Any], pointer: str, refusing: set[Form]) -> None:
    for form in Form:
        assert set(faults(form, **members)) == ({pointer} if form in refusing else set()), form
