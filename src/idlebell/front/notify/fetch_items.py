"""What may come with a new message (RFC 5465 section 5.2): a closed list of FETCH items, and their answers.

Nothing on it sets \\Seen, has a part of the message's text, or is large: a NOTIFY with ``BODY[]`` would turn every delivery
into a download that nobody waits for. A header is asked for up to
:data:`~idlebell.front.notify.bounds.HEADER_BYTES` by a partial FETCH; where that was all of it the answer is given as if
the whole had been asked for, as it was by the client.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from idlebell.front.notify.bounds import HEADER_BYTES
from idlebell.imap.responses import FetchData, Section

ATOMS: Final = ("UID", "FLAGS", "ENVELOPE", "RFC822.SIZE", "INTERNALDATE", "MODSEQ")
"""Small by their nature; an ENVELOPE is as the server keeps it."""

NAMED: Final = (*ATOMS, "BODY.PEEK[HEADER.FIELDS (...)]")
"""For the client that asked for something else."""

_ITEM: Final = re.compile(r" *([^ \[]++(?:\[[^\]]*+\](?:<[0-9.]++>)?+)?+)")
_HEADER: Final = re.compile(
    r"BODY\.PEEK\[HEADER\.FIELDS \([A-Za-z0-9!#$&'+.^_`|~-]+(?: [A-Za-z0-9!#$&'+.^_`|~-]+)*\)\]"
    r"(?P<partial><[0-9]{1,10}\.(?P<bytes>[0-9]{1,10})>)?"
)


def split(spelled: str) -> tuple[str, ...]:
    """The items of ``UID BODY.PEEK[HEADER.FIELDS (From To)]``, as :mod:`idlebell.imap.parse_command` spells a list of them."""
    return tuple(found[1] for found in _ITEM.finditer(spelled))


def upstream(item: str) -> str | None:
    """How ``item`` is asked for; None: it is not on the list."""
    if item in ATOMS:
        return item
    header = _HEADER.fullmatch(item)
    if header is None:
        return None
    if header["partial"] is None:
        return f"{item}<0.{HEADER_BYTES}>"
    return item if 0 < int(header["bytes"]) <= HEADER_BYTES else None


def as_asked(fetched: FetchData, items: tuple[str, ...]) -> FetchData:
    """``fetched`` for a client that asked for ``items``: a header that is whole, and that it asked for whole, has no origin."""
    whole = frozenset(item.replace(".PEEK", "").upper() for item in items if item.endswith("]"))
    if not whole:
        return fetched
    return replace(
        fetched, sections=tuple(_whole(one) if one.name.upper() in whole else one for one in fetched.sections)
    )


def _whole(section: Section) -> Section:
    if section.origin == 0 and len(section.content or b"") < HEADER_BYTES:
        return replace(section, origin=None)
    return section
