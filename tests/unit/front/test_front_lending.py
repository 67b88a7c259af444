"""A session is lent for one mailbox, and for no other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from idlebell.front.lending import Loan, Selection
from idlebell.front.own import Asked, Departed, Here
from idlebell.imap.commands import Command, Noop
from idlebell.imap.responses import Condition, TaggedResponse
from idlebell.net.errors import ConnectionLost

DONE = Asked(TaggedResponse("x", Condition.OK, None, ""), ())


@dataclass
class Client:
    selection: Selection = field(default_factory=Selection)
    selected: str | None = "inbox"
    turns_to: str | None = None
    """While it is asked: the command that it sends."""
    opens: str | None = None
    departed: bool = False
    capabilities: frozenset[str] = frozenset({"IDLE"})

    async def ask(self, command: Command) -> Asked:
        if self.departed:
            raise Departed
        if self.turns_to is not None:
            self.selection.saw(self.turns_to)
        if self.opens is not None:
            self.selected = self.opens
        return DONE


def loan(client: Client) -> Loan:
    return Loan(cast(Here, client), "INBOX", client.selection)


@pytest.mark.parametrize("name", ["NOOP", "UID FETCH", "IDLE", "SELECTED", None])
async def test_it_is_lent_while_the_mailbox_stays_open(name: str | None) -> None:
    client = Client(turns_to=name, opens="Inbox")
    lent = loan(client)
    assert await lent.ask(Noop()) is DONE
    assert await lent.ask(Noop()) is DONE
    assert lent.capabilities == {"IDLE"}


@pytest.mark.parametrize("name", ["SELECT", "EXAMINE", "CLOSE", "UNSELECT", "LOGOUT"])
async def test_what_was_asked_while_the_client_turned_away_does_not_count(name: str) -> None:
    lent = loan(Client(turns_to=name))
    for _ in range(2):
        with pytest.raises(ConnectionLost):
            await lent.ask(Noop())


@pytest.mark.parametrize("client", [Client(opens="Other"), Client(selected="Other"), Client(selected=None)])
async def test_nor_what_was_asked_of_another_mailbox(client: Client) -> None:
    with pytest.raises(ConnectionLost):
        await loan(client).ask(Noop())


async def test_a_client_that_has_gone_lends_nothing() -> None:
    with pytest.raises(ConnectionLost):
        await loan(Client(departed=True)).ask(Noop())
