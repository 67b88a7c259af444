"""What is kept, for how long, and what its tickets tell."""

from __future__ import annotations

import os

import pytest

from idlebell.door.tickets import PREFIX, ElsewhereError, Tickets, Use
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


def login(user: str) -> Use:
    return ("login", "imap.example.org", "993", user)


def test_what_nobody_needs_any_more_is_gone() -> None:
    tickets = Tickets(os.urandom)
    ticket = tickets.keep("hunter2")
    tickets.hold(ticket)
    tickets.release(ticket)
    with tickets.used(login("alice"), ticket, ticket) as (secret, _):
        assert secret.text() == "hunter2"
        tickets.release(ticket)
        assert len(tickets) == 0
        assert secret.text() == "hunter2"  # in use
    assert secret.wiped
    tickets.hold(ticket)
    tickets.release(ticket)
    with pytest.raises(KeyError), tickets.used(login("alice"), ticket):
        pass


def may_be_used(tickets: Tickets, ticket: str, use: Use) -> bool:
    try:
        with tickets.used(use, ticket):
            return True
    except ElsewhereError:
        return False


def test_a_secret_is_bound_to_what_it_was_first_used_for_with_success() -> None:
    tickets = Tickets(os.urandom)
    ticket = tickets.keep("hunter2")
    with pytest.raises(OSError, match="refused"), tickets.used(login("mistyped"), ticket):
        raise OSError("refused")
    assert may_be_used(tickets, ticket, login("alice"))
    assert not may_be_used(tickets, ticket, login("mallory"))
    assert may_be_used(tickets, ticket, ("refresh", "https://provider.example/token"))
    assert not may_be_used(tickets, ticket, ("refresh", "https://mallory.example/token"))
    assert may_be_used(tickets, ticket, login("alice"))


def test_a_request_that_brings_it_may_name_something_else() -> None:
    tickets = Tickets(os.urandom)
    ticket = tickets.keep("the first password of all")
    assert may_be_used(tickets, ticket, login("alice"))
    assert tickets.bring("the first password of all") == ticket
    assert may_be_used(tickets, ticket, login("bob"))
    tickets.bring("the first password of all")
    used_up = tickets.answered(ticket)
    assert may_be_used(tickets, ticket, login("carol")), "a login goes on that its request has not waited for"
    for call in (used_up, tickets.answered(ticket)):
        call()
    assert may_be_used(tickets, ticket, login("bob"))
    assert not may_be_used(tickets, ticket, login("dave"))


def test_what_follows_from_a_secret_is_bound_as_it_is() -> None:
    tickets = Tickets(os.urandom)
    refresh = tickets.bring("refresh")
    access = tickets.bring("access", [refresh])
    assert may_be_used(tickets, access, login("alice"))
    tickets.answered(access)()
    following = tickets.keep("another", like=refresh)
    assert not may_be_used(tickets, following, login("mallory"))
    assert may_be_used(tickets, following, login("alice"))
    assert not may_be_used(tickets, tickets.keep("sealed for her", uses=[login("alice")]), login("mallory"))


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
