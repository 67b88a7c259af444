"""Feeds of events: how long one is kept that nobody reads."""

from __future__ import annotations

from idlebell.gateway.feeds import KEPT_SECONDS, Feeds
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.net.clock import Clock

ACCOUNT = AccountId("acc_1")
FIRST, SECOND = SubscriptionId("sub_1"), SubscriptionId("sub_2")


class Hands(Clock):
    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 10 * KEPT_SECONDS

    def monotonic(self) -> float:
        return self.seconds


def test_a_feed_whose_first_reader_is_yet_to_come_is_not_forgotten() -> None:
    feeds = Feeds(Hands())
    feed = feeds.open(FIRST, ACCOUNT)
    feeds.open(SECOND, ACCOUNT)
    assert feeds.open(FIRST, ACCOUNT) is feed


def test_a_feed_that_is_opened_again_at_the_last_moment_is_kept_for_its_reader() -> None:
    clock = Hands()
    feeds = Feeds(clock)
    feed = feeds.open(FIRST, ACCOUNT)
    clock.seconds += KEPT_SECONDS
    assert feeds.open(FIRST, ACCOUNT) is feed
    clock.seconds += 1
    feeds.open(SECOND, ACCOUNT)
    assert feeds.open(FIRST, ACCOUNT) is feed


def test_a_feed_that_nobody_came_for_is_forgotten() -> None:
    clock = Hands()
    feeds = Feeds(clock)
    feeds.open(FIRST, ACCOUNT)
    clock.seconds += KEPT_SECONDS + 1
    feeds.open(SECOND, ACCOUNT)
    assert len(feeds) == 1
