"""IMAP (RFC 9051, 3501 and the extensions that a watcher meets) without I/O: both ends of a connection as values.

What comes in: bytes of the peer, cut anywhere, and commands (client) or responses (server) of the caller.
What goes out: bytes to send, and events: :data:`~idlebell.imap.events.ClientEvent` from :class:`Client`,
:data:`~idlebell.imap.events.ServerEvent` from :class:`Server`. Nothing here has a socket, a clock, randomness or a log; only
the standard library is used, and nothing of the rest of Idlebell.

Two exceptions: :class:`LocalProtocolError` is a bug of the caller, :class:`RemoteProtocolError` the peer's fault, and the
connection's end. What a server refuses is a value (:class:`~idlebell.imap.events.Completed`).

Read in this order: ``limits``, ``errors``, ``commands``, ``responses``, ``events`` (the contract); ``state``,
``permitted`` (the tables); ``client``, ``server`` (the two halves); ``framing``, ``tokens``, ``parse_response``,
``parse_command``, ``encode`` (the grammar); ``mailbox_view``, ``sasl``, ``capabilities``, ``quirks``, ``short_lines`` (what
a session knows); ``redacted`` (what an operator is shown).
"""

from idlebell.imap.capabilities import SharedCapabilities
from idlebell.imap.client import Client
from idlebell.imap.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.mailbox_view import MailboxView
from idlebell.imap.permitted import PERMITTED, PERMITTED_NAMES
from idlebell.imap.sequence_set import SequenceSet
from idlebell.imap.server import Server
from idlebell.imap.state import Phase, State

__all__ = [
    "DEFAULT_LIMITS",
    "PERMITTED",
    "PERMITTED_NAMES",
    "Client",
    "Limits",
    "LocalProtocolError",
    "MailboxView",
    "Phase",
    "ProtocolError",
    "RemoteProtocolError",
    "SequenceSet",
    "Server",
    "SharedCapabilities",
    "State",
]
