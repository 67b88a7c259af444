from __future__ import annotations

import os
import socket
import threading

import pytest

from idlebell.door.succession import hand_on, take_on
from idlebell.door.tickets import ElsewhereError, Tickets

LOGIN, OTHER = ("login", "imap.example.org", "993", "alice"), ("login", "imap.example.org", "993", "mallory")


def test_what_one_door_kept_the_next_keeps_as_it_was() -> None:
    before, after = Tickets(os.urandom), Tickets(os.urandom)
    ticket = before.keep("hunter2", uses=[LOGIN])
    under_way = before.bring("of a request that is under way")
    many = [before.keep(os.urandom(4_000)) for _ in range(200)]  # more than a socket holds
    giving, taking = socket.socketpair()
    thread = threading.Thread(target=hand_on, args=(before, giving.detach()))
    thread.start()
    over = take_on(after, taking.detach())
    thread.join()
    assert (len(before), len(after)) == (0, 202)
    assert after.keep("hunter2") == ticket, "equal secrets are known as equal by the next one, too"
    after.release(ticket)
    with after.used(LOGIN, ticket) as (secret,):
        assert secret.text() == "hunter2"
    with pytest.raises(ElsewhereError), after.used(OTHER, ticket):
        pass
    after.hold(under_way)
    over()
    after.release(under_way)  # which was needed by the request there, too, until its end is heard of nowhere
    after.release(under_way)
    assert len(after) == 201
    for one in (ticket, *many):
        after.release(one)
    assert len(after) == 0


@pytest.mark.parametrize("sent", [b"", b"\x92", b"end.", b"\x92end."])
def test_what_is_not_whole_is_not_taken(sent: bytes) -> None:
    tickets = Tickets(os.urandom)
    giving, taking = socket.socketpair()
    giving.sendall(sent)
    giving.close()
    with pytest.raises(ValueError, match=r"cut|truncated"):
        take_on(tickets, taking.detach())
    assert len(tickets) == 0
    hand_on(tickets, socket.socketpair()[0].detach())  # nobody takes it
