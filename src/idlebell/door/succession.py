"""From one door to the one that takes its place: what is kept goes over a socket of their own, past the gateway.

Both wait for it, for moments: what the gateway says next must find the one emptied and the other full.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Final

from idlebell.door.tickets import Tickets
from idlebell.net.hardening import overwrite

SECONDS: Final = 5.0
"""For all of it. 100,000 secrets are 15 MB."""
PIECE_BYTES: Final = 262_144
END: Final = b"end."
"""Behind the last byte: what ends without it was cut."""


def hand_on(tickets: Tickets, descriptor: int) -> None:
    """Nothing is kept any more, whatever came over."""
    given = tickets.give()
    try:
        with socket.socket(fileno=descriptor) as end:
            end.settimeout(SECONDS)
            end.sendall(given)
            end.sendall(END)
    except OSError:
        pass  # the other one is gone, and says so by that
    finally:
        overwrite(given)


def take_on(tickets: Tickets, descriptor: int) -> Callable[[], None]:
    """As :meth:`.tickets.Tickets.take`."""
    received = bytearray()
    try:
        with socket.socket(fileno=descriptor) as end:
            end.settimeout(SECONDS)
            while piece := end.recv(PIECE_BYTES):
                received += piece
                overwrite(piece)
        if not received.endswith(END):
            raise ValueError("it was cut")
        return tickets.take(memoryview(received)[: -len(END)])
    except OSError:
        raise ValueError("nothing came") from None
    finally:
        received[:] = bytes(len(received))
