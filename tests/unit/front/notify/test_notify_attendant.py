from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from idlebell.front.notify.attendant import Attendant
from idlebell.front.notify.pace import Pace
from idlebell.front.notify.wanted import MESSAGE_EVENTS, Event, Group, Selected, Wanted
from idlebell.front.own import Asked, Here, Unreadable
from idlebell.imap.commands import Command, UidFetch
from idlebell.imap.responses import Condition, FetchData, PlainCode, TaggedResponse
from idlebell.net.clock import Clock

PERSONAL = Wanted((Group("personal", (), MESSAGE_EVENTS),))


class Place:
    """A client with three messages in its open INBOX, to whom nothing happens but what a test says."""

    capabilities = frozenset({"LIST-STATUS"})
    enabled: frozenset[str] = frozenset()
    utf8 = idling = busy = False
    selected: str | None = "INBOX"

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.deaf = False
        self.unreadable = False

    async def ask(self, command: Command | Callable[[], Command], *, anytime: bool = False) -> Asked:
        del anytime
        if self.unreadable:
            raise Unreadable
        found = (FetchData(3, uid=30),) if isinstance(command, UidFetch) else ()
        return Asked(TaggedResponse("a", Condition.OK, None, ""), found)

    def tell(self, line: bytes) -> bool:
        if not self.deaf:
            self.told.append(line)
        return not self.deaf


def attendant_of(place: Place) -> Attendant:
    return Attendant(cast(Here, place), Pace(), Clock(), None, lambda: False)


@pytest.fixture(params=["none", "set without selected"])
async def muted(request: pytest.FixtureRequest) -> tuple[Place, Attendant]:
    place = Place()
    attendant = attendant_of(place)
    await (attendant.none() if request.param == "none" else attendant.set(PERSONAL))
    await attendant.stop()
    assert attendant.mutes_idle
    return place, attendant


async def test_what_comes_while_nobody_wants_to_know_is_shown_with_the_next_command(muted: Any) -> None:
    place, attendant = muted
    assert not attendant.heard(b"* 5 EXISTS")
    assert attendant.heard(b"* 5 RECENT")
    assert not attendant.heard(b"* 2 FETCH (FLAGS ())")
    assert not attendant.heard(b"* 5 EXPUNGE")  # the client has never heard of it
    assert attendant.heard(b"* 1 EXPUNGE")  # and this one it would mean something else by
    assert not attendant.heard(b"* 3 EXPUNGE")
    assert place.told == []
    assert not attendant.heard(b"* 4 EXISTS")
    attendant.began("FETCH")
    attendant.began("NOOP")
    assert place.told == [b"* 4 EXISTS\r\n"]


async def test_what_has_come_and_gone_is_not_shown(muted: Any) -> None:
    place, attendant = muted
    assert not attendant.heard(b"* 4 EXISTS")
    assert not attendant.heard(b"* 4 EXPUNGE")
    attendant.began("NOOP")
    assert place.told == []


async def test_a_client_that_cannot_be_told_now_is_told_with_the_command_after(muted: Any) -> None:
    place, attendant = muted
    place.deaf = True
    assert not attendant.heard(b"* 4 EXISTS")
    attendant.began("NOOP")
    place.deaf = False
    attendant.began("NOOP")
    assert place.told == [b"* 4 EXISTS\r\n"]


async def test_what_a_command_of_the_clients_brings_passes(muted: Any) -> None:
    place, attendant = muted
    place.busy = True
    for line in (b"* 4 EXISTS", b"* 4 EXPUNGE", b"* 2 FETCH (FLAGS ())"):
        assert attendant.heard(line)
    attendant.began("NOOP")
    assert place.told == []


async def test_a_select_that_is_bad_leaves_the_mailbox_open_and_one_that_is_no_closes_it(muted: Any) -> None:
    place, attendant = muted
    attendant.began("SELECT")
    attendant.ended("SELECT", ok=False)
    assert not attendant.heard(b"* 4 EXISTS")
    attendant.began("SELECT")
    place.selected = None
    attendant.ended("SELECT", ok=False)
    assert attendant.heard(b"* 4 EXISTS")


async def test_a_set_that_cannot_be_served_leaves_the_one_before_in_force() -> None:
    place = Place()
    attendant = attendant_of(place)
    selected = Wanted((), Selected(False, frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE})))
    assert (await attendant.set(selected)).condition is Condition.OK
    place.unreadable = True
    refused = await attendant.set(PERSONAL)
    assert (refused.condition, refused.code) == (Condition.NO, PlainCode("NOTIFICATIONOVERFLOW"))
    assert not attendant.mutes_idle
    assert attendant.heard(b"* 4 EXISTS")
    await attendant.stop()


async def test_a_further_session_is_given_back_also_where_the_client_went_while_it_logged_in() -> None:
    """Else its place among those of the account would be taken for good."""
    asked, let_in, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Opening:
        async def open(self, here: Here) -> Any:
            asked.set()
            await let_in.wait()
            return SimpleNamespace(has=lambda _: True)

        def close(self, here: Here) -> None:
            closed.set()

        def left(self, here: Here) -> None: ...

    place = Place()
    attendant = Attendant(cast(Here, place), Pace(), Clock(), Opening(), lambda: False)
    await attendant.set(PERSONAL)
    async with asyncio.timeout(5):
        await asked.wait()
    let_in.set()
    await attendant.stop()
    assert closed.is_set()
