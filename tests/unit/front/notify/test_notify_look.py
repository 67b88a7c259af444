from __future__ import annotations

import pytest

from idlebell.front.notify.bounds import LISTED_AT_ONCE, MAILBOXES, MAILBOXES_BY_STATUS
from idlebell.front.notify.known import Known
from idlebell.front.notify.look import Looker, TooMuch
from idlebell.front.notify.wanted import MESSAGE_EVENTS, NAME_EVENTS, Event, Group, Wanted
from idlebell.front.own import Asked
from idlebell.imap import commands as c
from idlebell.imap.responses import (
    Condition,
    ListData,
    NamespaceData,
    NamespaceEntry,
    StatusData,
    TaggedResponse,
    UntaggedResponse,
)

COUNTED = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE})
CYRUS = frozenset({"LIST-STATUS", "LIST-EXTENDED", "NAMESPACE"})
COURIER = frozenset({"NAMESPACE"})


class Server:
    """Answers what a look asks of ``mailboxes``, and counts it. Those of ``closed`` tell no STATUS."""

    def __init__(self, *mailboxes: str, offered: frozenset[str] = CYRUS) -> None:
        self.offered = offered
        self.stands = {name: StatusData(name, messages=0, uid_next=1, uid_validity=1) for name in mailboxes}
        self.subscribed: set[str] = set()
        self.closed: set[str] = set()
        self.asked: list[str] = []
        self.refuses: set[str] = set()
        self.told: list[ListData | StatusData] = []
        self.looker = Looker(self.told.append)

    def deliver(self, name: str) -> None:
        was = self.stands[name]
        assert was.messages is not None
        assert was.uid_next is not None
        self.stands[name] = StatusData(name, messages=was.messages + 1, uid_next=was.uid_next + 1, uid_validity=1)

    async def ask(self, command: c.Command) -> Asked:
        name = c.name_of(type(command))
        found: list[UntaggedResponse] = []
        condition = Condition.NO if name in self.refuses else Condition.OK
        match command:
            case c.Namespace():
                found = [NamespaceData((NamespaceEntry("", "/"),), (NamespaceEntry("user/", "/"),), None)]
            case c.List(returning=returning):
                name += " STATUS" if returning and returning[-1].startswith("STATUS") else ""
                for mailbox in self.stands:
                    own = "LIST-EXTENDED" in self.offered and mailbox in self.subscribed
                    found.append(ListData(frozenset({"\\Subscribed"} if own else ()), "/", mailbox))
                    if name == "LIST STATUS" and mailbox not in self.closed:
                        found.append(self.stands[mailbox])
            case c.Lsub():
                found = [ListData(frozenset(), "/", mailbox, lsub=True) for mailbox in sorted(self.subscribed)]
            case c.Status(mailbox) if mailbox in self.stands and mailbox not in self.closed:
                found = [self.stands[mailbox]]
            case _:
                condition = Condition.NO
        self.asked.append(name)
        return Asked(TaggedResponse("a", condition, None, ""), tuple(found) if condition is Condition.OK else ())

    async def look(
        self,
        known: Known,
        *,
        names: bool = True,
        selected: str | None = None,
        outset: bool = False,
        before: Known | None = None,
    ) -> list[str]:
        """The mailboxes that were told of."""
        self.told.clear()
        self.asked.clear()
        await self.looker.look(
            self.ask, known, names=names, mod_seq=False, selected=lambda: selected, outset=outset, before=before
        )
        return [one.mailbox for one in self.told]

    def known(self, filter_: str, events: frozenset[Event], *mailboxes: str, status: bool = False) -> Known:
        return Known(Wanted((Group(filter_, mailboxes, events),), status=status), self.offered)


async def test_with_list_status_a_look_is_one_command() -> None:
    server = Server("INBOX", "a", "b", "user/bob")
    known = server.known("personal", COUNTED)
    assert await server.look(known) == []
    assert server.asked == [
        "NAMESPACE",
        "LIST",
        "LIST STATUS",
    ]  # it has to know how many they are before it asks of all
    server.deliver("b")
    server.deliver("user/bob")
    assert await server.look(known) == ["b"]
    assert server.asked == ["LIST STATUS"]
    assert server.looker.statuses == 0
    assert await server.look(known, names=False) == []
    assert server.asked == ["STATUS"] * 3
    assert server.looker.statuses == 3


async def test_without_it_each_is_asked_and_the_selected_one_is_not() -> None:
    server = Server("INBOX", "a", "b", offered=COURIER)
    server.subscribed = {"INBOX", "a"}
    known = server.known("subscribed", COUNTED)
    assert await server.look(known, outset=True, selected="INBOX") == ["a"]
    assert server.asked == ["NAMESPACE", "LIST", "LSUB", "STATUS"]
    server.deliver("a")
    assert await server.look(known, names=False) == ["a"]
    assert server.asked == ["STATUS", "STATUS"]


async def test_named_mailboxes_are_asked_and_never_listed() -> None:
    server = Server("INBOX", "a", *(f"x{number}" for number in range(50)))
    known = server.known("mailboxes", COUNTED, "a", "nowhere")
    assert await server.look(known, outset=True) == ["a"]
    assert server.asked == ["STATUS", "STATUS"]


async def test_names_that_change_are_told_with_what_is_in_them() -> None:
    server = Server("INBOX")
    known = server.known("personal", MESSAGE_EVENTS | NAME_EVENTS)
    await server.look(known)
    server.stands["new"] = StatusData("new", messages=1, uid_next=2, uid_validity=9)
    assert await server.look(known) == ["new", "new"]
    assert [type(one) for one in server.told] == [ListData, StatusData]


async def test_what_an_earlier_notify_had_to_tell_of_names_is_told_by_the_next() -> None:
    server = Server("INBOX")
    first = server.known("personal", NAME_EVENTS)
    await server.look(first)
    server.stands["new"] = StatusData("new", messages=0, uid_next=1, uid_validity=9)
    second = Known(Wanted((Group("personal", (), NAME_EVENTS),)), server.offered, first)
    assert await server.look(second, before=first) == ["new"]
    assert await server.look(second) == []


async def test_without_access() -> None:
    server = Server("INBOX", "a", "b")
    server.closed = {"a"}
    known = server.known("personal", COUNTED)
    assert await server.look(known) == ["a"]
    assert await server.look(known) == []
    server.closed = set()
    assert await server.look(known) == ["a"]
    assert isinstance(server.told[0], ListData)
    assert not server.told[0].has("\\NoAccess")


async def test_ten_thousand_mailboxes_cost_one_list_and_no_status() -> None:
    for offered in (CYRUS, COURIER):
        server = Server(*(f"m{number}" for number in range(10_000)), offered=offered)
        with pytest.raises(TooMuch):
            await server.look(server.known("subtree", MESSAGE_EVENTS, "", status=True), outset=True)
        assert server.asked == ["NAMESPACE", "LIST"]
        assert server.told == []


@pytest.mark.parametrize(("offered", "most"), [(CYRUS, MAILBOXES), (COURIER, MAILBOXES_BY_STATUS)])
async def test_as_many_as_the_bound_are_watched_and_not_one_more(offered: frozenset[str], most: int) -> None:
    server = Server(*(f"m{number}" for number in range(most)), offered=offered)
    known = server.known("personal", COUNTED)
    await server.look(known)
    server.stands["one more"] = StatusData("one more", messages=0, uid_next=1, uid_validity=2)
    with pytest.raises(TooMuch):
        await server.look(known)
    with pytest.raises(TooMuch):
        await server.look(server.known("mailboxes", COUNTED, *server.stands), names=False)


async def test_of_a_large_account_only_what_is_wanted_is_asked_for() -> None:
    server = Server("INBOX", *(f"m{number}" for number in range(LISTED_AT_ONCE)))
    known = Known(Wanted((Group("mailboxes", ("INBOX",), COUNTED), Group("subscribed", (), COUNTED))), server.offered)
    await server.look(known)
    assert server.asked == ["NAMESPACE", "LIST", "STATUS"]
    await server.look(known)
    assert server.asked == ["LIST", "STATUS"]


async def test_a_server_that_refuses_is_not_believed_to_have_nothing() -> None:
    server = Server("INBOX", "a")
    known = server.known("personal", COUNTED | NAME_EVENTS)
    await server.look(known)
    server.refuses = {"LIST", "NAMESPACE"}
    assert await server.look(known) == []
    assert server.asked == ["LIST STATUS", "STATUS", "STATUS"]
