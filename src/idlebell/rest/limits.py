"""Every bound of the REST face."""

MAX_BODY_BYTES = 64 * 1024
MAX_DRAINED_BYTES = 1024 * 1024
"""Of a body that is too large, so much is read and thrown away: a client that is still sending would not see the answer."""
BODY_SECONDS = 10.0
"""For a whole body, and for a request's head."""
SEND_SECONDS = 30.0
"""For the client to take 48 KiB of an answer, or what is left of it."""
GUESSES_PER_MINUTE = 60
"""Tokens from one address that are none. 256 bits are not guessed; this spares the store the questions."""
READ_BYTES = 64 * 1024
"""Taken from a connection at once."""
MAX_HEADERS = 100
MAX_HEADER_BYTES = 16 * 1024
MAX_CONNECTIONS = 2_000
"""Open at once; what comes beyond is answered 503, and closed unread where that is a quarter more."""
ANSWERED_LEAST = 4
"""So many at least hear the 503."""
BACKLOG = 1_024
"""Connections that wait to be accepted."""
EVENT_SEND_SECONDS = 30.0
"""A reader of events that takes nothing for this long is left."""
KEEP_ALIVE_SECONDS = 15
GRACE_SECONDS = 5
"""How long a stopping server waits for answers under way."""
MAX_FORM_FIELDS = 20
MAX_ERRORS = 20
"""Of one problem's ``errors``."""
PAGE_LIMIT_DEFAULT = 50
PAGE_LIMIT_MAX = 200
MAX_FORWARDED_HOPS = 20
