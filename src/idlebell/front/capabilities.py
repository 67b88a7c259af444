"""What a client is told that can be done: before login by us, after it by the upstream, less what cannot pass through here,
plus what we add. Pure.

A client that were told of a thing we cannot relay would ask for it and be cut off from everything else (COMPRESS), go around
us (LOGIN-REFERRALS), or mistake us for the far end (STARTTLS, channel binding). What only we do is never believed of an
upstream: whoever is behind it could make the client leave its push address there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

RELAYED_MECHANISMS: Final = ("PLAIN", "XOAUTH2", "OAUTHBEARER", "SCRAM-SHA-256", "SCRAM-SHA-1")
"""SASL mechanisms whose messages pass, where the upstream has them."""

BEFORE_LOGIN: Final = ("IMAP4rev1", "LITERAL+", "SASL-IR", "ID")
"""Of our own half. There is none without these."""

TOLD_AHEAD: Final = frozenset(
    {"CHILDREN", "ENABLE", "IDLE", "IMAP4REV2", "LIST-EXTENDED", "LOGIN", "MOVE", "NAMESPACE", "UIDPLUS", "UNSELECT"}
)
"""Told before login already where the upstream tells it then: clients that never ask again would do without (imaplib)."""

WITHHELD: Final = MappingProxyType(
    {
        "STARTTLS": "TLS ends here, not at the upstream",
        "UNAUTHENTICATE": "who logs in next would not be who the session is kept for (RFC 8437)",
        "LOGIN-REFERRALS": "a client would follow one around us, with its password (RFC 2221)",
        "MAILBOX-REFERRALS": "as LOGIN-REFERRALS: to the server that a mailbox is said to be at (RFC 2193)",
        "LOGINDISABLED": "it is said before login, of our own connection",
    }
)
"""Names, and why."""
WITHHELD_KINDS: Final = MappingProxyType(
    {
        "COMPRESS=": "what is compressed end to end cannot be read here (RFC 4978)",
        "AUTH=": "mechanisms are told before login; those that bind a TLS channel end at the wrong one (RFC 5056)",
    }
)
"""Beginnings of names, and why."""
OURS: Final = frozenset({"WEBPUSH", "XIDLEBELL"})
"""What a family of ours adds, and nobody else can say here."""

# As the most forgiving client would read them: with spaces or a number where none belongs, and codes that nothing closes.
_LISTED: Final = re.compile(rb"\*[ \t]+(?:[0-9]+[ \t]+)?CAPABILITY((?:[ \t][^\r\n]*)?)\r\n\Z", re.IGNORECASE)
_CODED: Final = re.compile(
    rb"(\S+[ \t]+(?:OK|NO|BAD|PREAUTH|BYE)[ \t]+\[[ \t]*CAPABILITY)((?:[ \t][^\]\r\n]*)?)(\]?)", re.IGNORECASE
)

REFUSED: Final = {
    "AUTHENTICATE": b"Already authenticated",
    "LOGIN": b"Already authenticated",
    "STARTTLS": b"TLS is a matter of before the login",
    "COMPRESS": b"Not offered: what is compressed end to end cannot pass here",
    "UNAUTHENTICATE": b"Not offered here; log out instead",
    "PROXYAUTH": b"Not offered here; log in as the other user instead",
}
"""Commands that are answered BAD: each would leave us unable to read what follows, or make the session another user's."""


def passes(name: str) -> bool:
    """May a client be told this one of the upstream's?"""
    upper = name.upper()
    return not (upper in WITHHELD or upper in OURS or upper.startswith(tuple(WITHHELD_KINDS)))


def shown(upstream: Iterable[str], added: Iterable[str]) -> list[str]:
    """The list after login: the upstream's in its order and case, then ours that are not in it."""
    kept = [name for name in upstream if passes(name)]
    known = {name.upper() for name in kept}
    return kept + sorted(name for name in added if name.upper() not in known)


def before_login(learnt: frozenset[str] | None, *, starttls: bool, secure: bool) -> tuple[str, ...]:
    """``learnt``: what all upstreams told before login, upper-cased; None: nothing yet. ``secure``: a password may be sent."""
    told = frozenset({"AUTH=PLAIN"}) if learnt is None else learnt
    own = [*BEFORE_LOGIN, *sorted(told & TOLD_AHEAD)]
    if starttls:
        own.append("STARTTLS")
    if not secure:
        return (*own, "LOGINDISABLED")
    # A password that comes by AUTHENTICATE PLAIN is passed on by LOGIN where the upstream knows no other way.
    by_password = "AUTH=PLAIN" in told or "LOGINDISABLED" not in told
    mechanisms = [name for name in RELAYED_MECHANISMS if f"AUTH={name}" in told or (name == "PLAIN" and by_password)]
    return (*own, *(f"AUTH={name}" for name in mechanisms))


def rewritten(opening: bytes, added: Iterable[str]) -> bytes:
    """A response's first line with its CRLF, as a client may have it: capability lists are told anew wherever they stand."""
    listed = _LISTED.match(opening)
    if listed is not None:
        return b"* CAPABILITY" + _told(listed[1], added) + b"\r\n"
    coded = _CODED.match(opening)
    if coded is not None and coded[3]:
        return coded[1] + _told(coded[2], added) + opening[coded.end(2) :]
    if (
        coded is not None
    ):  # longer than can be looked at, or never closed: it is another code now, which no client knows
        at = opening.upper().index(b"CAPABILITY")
        return opening[:at] + b"X-" + opening[at:]
    return opening


def _told(names: bytes, added: Iterable[str]) -> bytes:
    given = [name.decode("ascii", "replace") for name in names.split()]
    return b"".join(b" " + name.encode("ascii", "replace") for name in shown(given, added))
