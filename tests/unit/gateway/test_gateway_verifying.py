"""Which code proves which endpoint."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from idlebell.gateway.verifying import Reading, mended, read_back, what_next
from idlebell.model.endpoint import Endpoints, PushUrl, SimplePushEndpoint, WebPushEndpoint, asked_of
from idlebell.model.ids import AccountId
from idlebell.model.proof import CODE_LIVES, PROVEN, TRIES_MAX, UNPROVEN, Asked, Demand, Demands, Proof
from idlebell.model.secret import Secret
from idlebell.model.subscription import StandingProblem
from store_samples import NOW, subscription

SIMPLE = SimplePushEndpoint(PushUrl("https://push.example.net/s"))


def web(proof: Proof, name: str = "w") -> WebPushEndpoint:
    return WebPushEndpoint(PushUrl(f"https://push.example.net/{name}"), b"p", Secret(b"a"), proof)


def asked(code: str = "12345678", tries: int = 0, ago: timedelta = timedelta()) -> Asked:
    return Asked(Secret(code), NOW + CODE_LIVES - ago, tries)


def read(endpoints: Endpoints, code: str) -> Reading:
    return read_back(endpoints, code.encode(), NOW)


@pytest.mark.parametrize("code", ["12345678", " 12345678\n", "1234 5678", "12-34-56-78", "12.345.678"])
def test_the_code_proves_the_endpoint_however_it_was_typed(code: str) -> None:
    found = read(Endpoints(web(asked()), SIMPLE), code)
    assert found.right
    assert found.endpoints == Endpoints(web(PROVEN), SIMPLE)


def test_a_code_of_an_app_is_taken_as_it_is() -> None:
    code = "ab-cd_ef" * 4
    assert read(Endpoints(web(asked(code))), code).endpoints == Endpoints(web(PROVEN))
    assert not read(Endpoints(web(asked(code))), code.replace("-", "")).right


@pytest.mark.parametrize("code", ["", "1234567", "123456789", "12345679", "0" * 10_000, "１２３４５６７８"])
def test_a_wrong_one_is_counted(code: str) -> None:
    found = read(Endpoints(web(asked(tries=1))), code)
    assert (found.right, found.left) == (False, TRIES_MAX - 2)
    assert found.endpoints == Endpoints(web(asked(tries=2)))


def test_after_the_last_try_the_right_one_is_wrong_too() -> None:
    found = read(Endpoints(web(asked(tries=TRIES_MAX - 1))), "1")
    assert (found.right, found.left) == (False, 0)
    assert not read(found.endpoints, "12345678").right
    assert read(found.endpoints, "12345678").endpoints == found.endpoints


def test_it_is_good_for_ten_minutes() -> None:
    assert read(Endpoints(web(asked(ago=CODE_LIVES - timedelta(seconds=1)))), "12345678").right
    late = Endpoints(web(asked(ago=CODE_LIVES)))
    assert read(late, "12345678") == Reading(late, right=False, left=0)


def test_who_tried_too_often_is_told_when_to_ask_for_a_new_one() -> None:
    first = read(Endpoints(web(asked(tries=TRIES_MAX - 2, ago=timedelta(minutes=9)))), "1")
    assert what_next(first, NOW) == "1 more may be tried."
    last = read(first.endpoints, "1")
    assert what_next(last, NOW) == "No code stands: ask for a new one in 61 seconds."
    assert what_next(last, NOW + timedelta(minutes=1)) == "No code stands: ask for a new one."


def test_where_none_was_sent_none_is_right() -> None:
    for endpoints in (Endpoints(web(UNPROVEN)), Endpoints(SIMPLE), Endpoints(web(PROVEN))):
        assert read(endpoints, "") == Reading(endpoints, right=False, left=0)


def test_one_code_proves_what_it_was_sent_to_and_costs_the_others_no_try() -> None:
    mail, reconnect, other = web(asked()), web(asked()), web(asked("87654321"), "other")
    found = read(Endpoints(mail, reconnect, expiring=other), "12345678")
    assert found.endpoints == Endpoints(web(PROVEN), web(PROVEN), expiring=other)
    wrong = read(Endpoints(mail, expiring=other), "5").endpoints
    assert [one.tries for _, own in wrong if (one := asked_of(own)) is not None] == [1, 1]


@pytest.mark.parametrize(
    ("code", "stays"),
    [("endpoint-unverified", False), ("endpoint-refused", False), ("endpoint-failing", False), ("session-lost", True)],
)
def test_a_code_that_was_read_back_has_arrived_whatever_its_service_said(code: str, stays: bool) -> None:
    demands = Demands(app=Demand.CODE)
    problem = StandingProblem(code, "…", NOW)
    one = replace(subscription(AccountId("acc_1"), 1), endpoints=Endpoints(web(PROVEN), SIMPLE), problem=problem)
    assert mended(one, demands) == (problem if stays else None)
    assert mended(replace(one, endpoints=Endpoints(web(asked()), SIMPLE)), demands) == problem
