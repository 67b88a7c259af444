"""What is kept, for how long, and what its tickets tell."""

from __future__ import annotations

import os

import pytest

from idlebell.door.tickets import PREFIX, Tickets
from idlebell.model.secret import HeldSecret, Secret


def test_equal_secrets_have_one_ticket_and_another_door_has_others() -> None:
    tickets = Tickets(os.urandom)
    one, same, other = tickets.keep("hunter2"), tickets.keep(b"hunter2"), tickets.keep("hunter3")
    assert one == same != other
    assert one.startswith(PREFIX)
    assert "hunter" not in one
    assert Tickets(os.urandom).keep("hunter2") != one
    assert len(tickets) == 2
    assert repr(tickets) == "Tickets(2 kept)"


def test_what_nobody_needs_any_more_is_gone() -> None:
    tickets = Tickets(os.urandom)
    ticket = tickets.keep("hunter2")
    tickets.hold(ticket)
    tickets.release(ticket)
    with tickets.copies(ticket, ticket) as (secret, _):
        assert secret.text() == "hunter2"
        tickets.release(ticket)
        assert len(tickets) == 0
        assert secret.text() == "hunter2"  # in use
    assert secret.wiped
    tickets.hold(ticket)
    tickets.release(ticket)
    with pytest.raises(KeyError), tickets.copies(ticket):
        pass


class Book:
    def __init__(self) -> None:
        self.held = 1

    def hold(self, ticket: bytes) -> None:
        self.held += 1

    def release(self, ticket: bytes) -> None:
        self.held -= 1


def test_a_held_secret_is_released_once_whatever_becomes_of_it() -> None:
    book = Book()
    one = HeldSecret(b"held:x", book)
    another = one.again()
    assert one == another == Secret(b"held:x")
    assert book.held == 2
    one.wipe()
    one.wipe()
    assert book.held == 1
    del another  # nobody wiped it
    assert book.held == 0
