"""What a client at the front may make us hold, and for how long. Every bound of the front has its number here. Pure."""

from __future__ import annotations

from typing import Final

from idlebell.imap.limits import Limits

BEFORE_LOGIN: Final = Limits(
    line_bytes=8_192,
    literal_bytes=8_192,
    response_bytes=16_384,
    literals=4,
    depth=8,
    items=64,
    capability_bytes=1_024,
)
"""Of one command. An access token of 6 KB in base64 fits into a line; whatever a stranger sends, his connection holds twice
this at most: what is being read, and what came behind it."""

OPENING_BYTES: Final = 8_192
"""Of a command's first line, or a response's, that is looked at as a whole. One that is longer is passed on as it comes; none
that a client or server means for us is as long."""

TAG_BYTES: Final = 255
"""Of a client's tag. RFC 9051 sets no bound; clients use four to ten."""

IN_FLIGHT: Final = 256
"""Commands of one client that wait for the upstream. A client that sends more waits for the first answers."""

TOLD_BYTES: Final = 262_144
"""What families may have told a client that does not read. The events of a second, or 5,000 STATUS responses."""

READ_BYTES: Final = 131_072
"""Taken from one side at once, and held until the other side has taken it. Of a client that sends on while what it sent before
waits, as much again: that is all the buffer there is. Half of it costs a mailbox that is copied a fifth more CPU."""
