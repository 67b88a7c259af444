"""What a script may require (RFC 5228 section 3.2), and why not the rest."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Final

from idlebell.model.shown_text import shown
from idlebell.rules.sieve.limits import SAID_CHARACTERS

SUPPORTED: Final = (
    "body",
    "comparator-i;ascii-casemap",
    "comparator-i;ascii-numeric",
    "comparator-i;octet",
    "copy",
    "date",
    "encoded-character",
    "enotify",
    "ereject",
    "fileinto",
    "imap4flags",
    "index",
    "mailbox",
    "reject",
    "relational",
    "subaddress",
    "vacation",
    "vacation-seconds",
    "variables",
)
_REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "envelope": "a message in a mailbox has no envelope any more; ask its header, as address and header do",
        "regex": "what a regular expression costs has no bound; :matches with * and ? does most of it",
        "notify": "this is the draft that became enotify (RFC 5435); require that",
        "imapflags": "this is the draft that became imap4flags (RFC 5232); require that",
        "include": "there is no other script here; put what it has into this one",
        "editheader": "nothing is changed in a message that is in its mailbox already",
        "foreverypart": "of a message's parts only the text is looked at; require body",
        "mime": "of a message's parts only the text is looked at; require body",
        "duplicate": "a script remembers nothing from one message to the next",
        "ihave": "name what the script needs in require",
        "environment": "a script is told of the message and nothing else",
        "mboxmetadata": "a script is told of the message and nothing else",
        "spamtest": "ask the header field that the spam filter adds",
        "virustest": "ask the header field that the virus filter adds",
    }
)


def why_not(name: str) -> str | None:
    """None: it is supported."""
    if name in SUPPORTED:
        return None
    if name in _REFUSED:
        return f'"{name}" is not supported: {_REFUSED[name]}'
    near = get_close_matches(name[:100], SUPPORTED, 1)
    mend = f'did you mean "{near[0]}"?' if near else "leave it out, with what depends on it"
    return f'"{shown(name, SAID_CHARACTERS)}" is not supported; {mend}'
