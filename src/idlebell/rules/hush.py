"""Senders and mailing lists that ring no more. Pure, total and bounded, as a rule is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from idlebell.model.preferences import Hushed, HushedBy
from idlebell.rules.evidence import Evidence
from idlebell.rules.header_text import header_text
from idlebell.rules.mail_address import read_addresses
from idlebell.rules.rule import NO_NEEDS, Judgement, Needs

HUSHED_MAX: Final = 200
"""Of one subscription: more is what a filter is for."""
SENDER_CHARACTERS: Final = 320
"""RFC 5321 section 4.5.3.1: 64 before the @, 255 after it."""
LIST_ID_CHARACTERS: Final = 255
"""RFC 2919 section 2."""
_HEADERS: Final = {HushedBy.SENDER: "from", HushedBy.LIST_ID: "list-id"}
_ADDRESS: Final = re.compile(r"[^\s<>,;@]+@[^\s<>,;@]+")
_LIST_ID: Final = re.compile(r"<([^<>]*)>\s*$")
_PLAIN: Final = re.compile(r"[^\s<>]+")


class Whom:
    """Looks at what :func:`hushed_of` reads. As a rule it lets all mail ring."""

    needs: Final = Needs(headers=frozenset(_HEADERS.values()))

    def decide(self, evidence: Evidence) -> Judgement:
        return Judgement(rings=True)


def hush_needs(hushed: Sequence[Hushed]) -> Needs:
    if not hushed:
        return NO_NEEDS
    return Needs(headers=frozenset(_HEADERS[one.by] for one in hushed))


def hushed_by(hushed: Sequence[Hushed], evidence: Evidence) -> Hushed | None:
    """Which of them it is that keeps the message from ringing, if one does."""
    if not hushed:
        return None
    senders = frozenset(one.address.lower() for one in evidence.addresses("from"))
    lists = frozenset(filter(None, map(list_id, evidence.header("list-id"))))
    found = {HushedBy.SENDER: senders, HushedBy.LIST_ID: lists}
    return next((one for one in hushed if one.value in found[one.by]), None)


def sender(text: str) -> str | None:
    """The address in lower case of what a From field says, or of an address alone; None: it holds none."""
    for one in read_addresses(text[: 2 * SENDER_CHARACTERS].encode("utf-8", "replace")):
        address = one.address.lower()
        if len(address) <= SENDER_CHARACTERS and _ADDRESS.fullmatch(address) and address.isprintable():
            return address
    return None


def list_id(text: str) -> str | None:
    """Of a List-Id field, a description before it or not (RFC 2919 section 3), in lower case; None: it holds none."""
    found = _LIST_ID.search(text)
    value = (found[1] if found is not None else text).strip().lower()
    fits = len(value) <= LIST_ID_CHARACTERS and _PLAIN.fullmatch(value) is not None and value.isprintable()
    return value if fits else None


def hushed_of(evidence: Evidence) -> Hushed | None:
    """What is to be hushed so that messages like this one ring no more: its list, or else its sender."""
    for field in evidence.raw_header("list-id"):
        if (value := list_id(header_text(field))) is not None:
            return Hushed(HushedBy.LIST_ID, value)
    for one in evidence.addresses("from"):
        if (value := sender(one.address)) is not None:
            return Hushed(HushedBy.SENDER, value)
    return None
