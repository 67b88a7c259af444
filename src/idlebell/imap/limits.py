"""What a peer may make us hold. Every bound of the protocol has its number here.

A server that exceeds a bound ends its own session (:class:`~idlebell.imap.errors.RemoteProtocolError`) and nothing else;
what is over the bound is never stored and nothing after it is parsed. One kind of response is different: a FETCH tells what
strangers wrote, so one that is too large is read as far as the bound and the rest passed over
(:attr:`~idlebell.imap.responses.FetchData.cut`): nothing of it is held, and how fast it comes is for the caller to bound.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one connection. Sizes in bytes; the counts are plain numbers."""

    line_bytes: int = 65_536
    """One line without its literals. RFC 9051 sets none; Dovecot's own input limit is 64 KiB."""

    literal_bytes: int = 65_536
    """One literal. We ask for headers and short previews only, so nothing honest comes near."""

    passed_over_bytes: int = 1_073_741_824
    """Of one FETCH that is too large, what is passed over, announced or come. No provider takes a message of that size, so a
    header of one cannot be as long; a literal of more would have all that follows taken for a part of it."""

    response_bytes: int = 262_144
    """One response with all its literals."""

    literals: int = 256
    """Literals in one response."""

    depth: int = 32
    """Nesting of parentheses. Real BODYSTRUCTUREs stay under 15; a parser without a bound costs its server a megabyte a
    connection."""

    items: int = 5_000
    """Elements of all lists in one response."""

    number_digits: int = 20
    """Digits of a number: 2**63 has 19 (RFC 7162 mod-sequences), UIDs have 10."""

    set_ranges: int = 5_000
    """Ranges in one sequence set (ESEARCH, VANISHED)."""

    capability_bytes: int = 8_192
    """All names of one capability list, and all that is enabled. They are kept as long as the session, so without a bound of
    its own a server could make each of its sessions hold a line; Dovecot's list has 500."""

    untagged_per_command: int = 50_000
    """Untagged responses before the tagged one: the caller keeps them until then. While IDLE is on nothing gathers, and a
    user who empties a mailbox of 60,000 is no attack: how much a server may say there is a question of time, which the
    caller answers."""

    elements_per_command: int = 250_000
    """Elements of all lists before the tagged one, counted by what divides them. An element of three bytes costs some 60 when
    it is read, so bytes alone bound no memory. 500 messages have under 100 each, 10,000 mailboxes with STATUS under 20."""


DEFAULT_LIMITS = Limits()
