from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import store_samples as samples
from idlebell.model.endpoint import Endpoints, Failing
from idlebell.model.ids import AccountId
from idlebell.model.preferences import NO_PREFERENCES, Preferences
from idlebell.model.subscription import Phase, Subscription
from idlebell.store import codec, falling
from idlebell.store.routes import route, routes
from store_samples import NOW, SECOND

A, B, C = samples.webhook("https://a.example.net/"), samples.webhook("https://b.example.net/"), samples.simplepush()
LIST = Endpoints(A, fallbacks=(B, C))
MINUTE = timedelta(minutes=1)


def fingerprint(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()


def subscription(*failing: Failing, **members: object) -> Subscription:
    one = samples.subscription(AccountId("acc_a"), endpoints=replace(LIST, failing=failing))
    return replace(one, **members)  # type: ignore[arg-type]


def test_only_where_another_stands_behind_is_there_an_end_to_waiting() -> None:
    assert falling.patience(NO_PREFERENCES, Endpoints(A)) == 0
    assert falling.patience(NO_PREFERENCES, LIST) == falling.FALL_THROUGH_SECONDS_DEFAULT
    assert falling.patience(Preferences(fall_through_seconds=7), LIST) == 7
    at_the_last = replace(LIST, failing=(Failing(0, NOW, NOW), Failing(1, NOW, NOW)))
    assert falling.patience(NO_PREFERENCES, at_the_last) == 0


def test_each_time_it_fails_the_pause_is_longer() -> None:
    one, pauses = subscription(), []
    for _ in range(9):
        fell = falling.fallen(one, 0, NOW)
        assert fell is not None
        (failing,) = fell.endpoints.failing
        assert failing.probe_at is not None
        pauses.append((failing.probe_at - NOW).total_seconds())
        assert falling.probed(fell, failing.probe_at - SECOND) is None
        again = falling.probed(fell, failing.probe_at)
        assert again is not None
        assert falling.probing(again, 0)
        assert not falling.probing(fell, 0)
        one = again
    assert pauses == [60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]
    works = falling.works(one, 0)
    assert works is not None
    assert works.endpoints == LIST
    assert falling.works(works, 0) is None
    assert falling.works(one, None) is None


def test_nothing_falls_from_where_it_does_not_go_or_from_the_last() -> None:
    assert falling.fallen(subscription(), 1, NOW) is None
    assert falling.fallen(subscription(), None, NOW) is None
    last = subscription(Failing(0, NOW, NOW), Failing(1, NOW, NOW))
    assert last.endpoints.place == 2
    assert falling.fallen(last, 2, NOW) is None
    assert falling.fallen(subscription(phase=Phase.ENDED), 0, NOW) is None


def test_one_that_has_had_its_share_of_a_day_is_passed_over_until_the_next() -> None:
    found = falling.spent(subscription(), 0, NOW, NOW + MINUTE)
    assert found is not None
    assert found.endpoints.failing == (Failing(0, NOW, NOW + MINUTE, spent=True),)
    assert (found.endpoints.place, falling.probe_at(found)) == (1, NOW + MINUTE)
    again = falling.probed(found, NOW + MINUTE)
    assert again is not None
    assert again.endpoints == LIST, "nothing was wrong with it, so nothing is to be tried"
    assert falling.spent(found, 0, NOW, NOW + MINUTE) is None
    assert falling.spent(found, None, NOW, NOW + MINUTE) is None
    assert falling.spent(subscription(Failing(0, NOW, NOW), Failing(1, NOW, NOW)), 2, NOW, NOW) is None, "the last"


def test_the_next_to_be_tried_again_is_the_earliest() -> None:
    two = subscription(Failing(0, NOW, NOW + MINUTE), Failing(1, NOW, NOW + SECOND))
    assert falling.probe_at(two) == NOW + SECOND
    assert falling.probe_at(replace(two, phase=Phase.EXPIRED)) is None
    assert falling.probe_at(subscription(Failing(0, NOW, None))) is None


def test_an_endpoint_of_the_list_is_known_by_its_digest() -> None:
    assert falling.place_of(LIST, fingerprint, route(B, fingerprint).endpoint) == 1
    assert falling.place_of(LIST, fingerprint, b"other") is None


def test_a_list_and_what_fails_of_it_is_read_as_it_was_written() -> None:
    failing = (Failing(0, NOW, NOW + MINUTE, 3), Failing(1, NOW, None), Failing(2, NOW, NOW, spent=True))
    for endpoints in (Endpoints(A), LIST, replace(LIST, failing=failing)):
        assert codec.decode_endpoints(codec.encode_endpoints(endpoints)) == endpoints


def test_a_route_tells_how_long_something_waits_for_it() -> None:
    for patience in (0, 300):
        found = routes(LIST, fingerprint, patience)
        encoded = codec.encode_routes(found)
        assert {role: codec.decode_route(encoded, role) for role in found} == found
        assert {role.value for role, to in found.items() if to.patience_seconds} == (
            {"new_mail", "reminder"} if patience else set()
        )
