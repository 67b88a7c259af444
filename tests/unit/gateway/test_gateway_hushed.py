"""Senders and mailing lists that ring no more, as JSON says it."""

from __future__ import annotations

from typing import Any

import pytest

from idlebell.gateway.hushed import hushed_view, hushing, message_named, named, read_hushed
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import HushedView, HushRequest
from idlebell.model.notification import Told
from idlebell.model.preferences import NO_PREFERENCES, Hushed, HushedBy, Preferences
from idlebell.model.problem import ProblemError
from idlebell.rules.hush import HUSHED_MAX

BOSS = Hushed(HushedBy.SENDER, "boss@example.org")
NEWS = Hushed(HushedBy.LIST_ID, "news.example.org")


def pointers(faults: Faults) -> list[str]:
    with pytest.raises(ProblemError) as caught:
        faults.raise_any()
    return [error.pointer for error in caught.value.problem.errors]


def test_a_list_is_read_in_its_order_and_each_once() -> None:
    faults = Faults()
    given = [{"list_id": "<News.example.org>"}, {"sender": "Boss <Boss@example.org>"}, {"sender": "boss@example.org"}]
    assert read_hushed(faults, given, "/hushed") == (NEWS, BOSS)
    assert faults.count == 0
    assert [hushed_view(one) for one in (NEWS, BOSS)] == [
        HushedView(list_id="news.example.org"),
        HushedView(sender="boss@example.org"),
    ]


def test_a_list_is_read_as_it_is_shown() -> None:
    shown = [{"sender": None, "list_id": "news.example.org"}, {"sender": "boss@example.org", "list_id": None}]
    assert read_hushed(Faults(), shown, "/hushed") == (NEWS, BOSS)


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ("boss@example.org", "/hushed"),
        ([7], "/hushed/0"),
        ([{}], "/hushed/0"),
        ([{"sender": "a@b", "list_id": "c"}], "/hushed/0"),
        ([{"from": "a@b"}], "/hushed/0/from"),
        ([{"sender": "a@b"}, {"sender": "nobody"}], "/hushed/1/sender"),
        ([{"list_id": None}], "/hushed/0"),
        ([{"sender": f"{number}@example.org"} for number in range(HUSHED_MAX + 1)], "/hushed"),
    ],
)
def test_what_is_wrong_is_named(given: Any, at: str) -> None:
    faults = Faults()
    read_hushed(faults, given, "/hushed")
    assert pointers(faults) == [at]


def test_a_request_names_one_of_both() -> None:
    faults = Faults()
    assert named(faults, HushRequest(sender="Boss <boss@example.org>")) == BOSS
    assert named(faults, HushRequest(list_id="news.example.org")) == NEWS
    assert named(faults, HushRequest()) is None
    assert faults.count == 0
    assert named(faults, HushRequest(sender="a@b", list_id="c")) is None
    assert named(faults, HushRequest(list_id="")) is None
    assert pointers(faults) == ["", "/list_id"]


def test_a_request_names_a_message_whole_and_alone() -> None:
    faults = Faults()
    whole = HushRequest(mailbox="INBOX", uid_validity=7, uid=11)
    assert named(faults, whole) is None
    assert message_named(faults, whole, ("INBOX",)) == Told("INBOX", 7, 11)
    assert faults.count == 0
    assert named(faults, HushRequest(sender="a@b", uid=11)) is None
    assert message_named(faults, HushRequest(), ("INBOX",)) is None
    assert message_named(faults, HushRequest(uid=11), ("INBOX",)) is None
    assert message_named(faults, HushRequest(mailbox="Work", uid_validity=7, uid=11), ("INBOX",)) is None
    assert pointers(faults) == ["", "", "/mailbox", "/uid_validity", "/mailbox"]


def test_who_is_hushed_again_is_the_newest() -> None:
    wish = Preferences(hushed=(BOSS, NEWS))
    found = hushing(wish, BOSS)
    assert found is not None
    assert found.hushed == (NEWS, BOSS)


def test_only_so_many_are_hushed() -> None:
    full = Preferences(hushed=tuple(Hushed(HushedBy.SENDER, f"{number}@x") for number in range(HUSHED_MAX)))
    assert hushing(full, BOSS) is None
    assert hushing(full, full.hushed[0]) is not None
    assert hushing(NO_PREFERENCES, BOSS) == Preferences(hushed=(BOSS,))
