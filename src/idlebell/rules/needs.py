"""Which FETCH items the subscriptions of an account cost together: what they need and nothing more. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from idlebell.model.subscription import Payload, Subscription
from idlebell.rules.body_text import TEXT_BYTES
from idlebell.rules.compiled import rule_of
from idlebell.rules.describe import RAW_BYTES
from idlebell.rules.evidence import HEADER_BYTES
from idlebell.rules.hush import hush_needs
from idlebell.rules.rule import NO_NEEDS, Needs, Rule

DECIDING = ("UID", "FLAGS", "INTERNALDATE")
"""What :func:`idlebell.watch.detect.decide` looks at."""
MESSAGE_ID_ITEM: Final = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]<0.1100>"
"""In bounds: one that is a megabyte long would end the session."""
DESCRIBING = (
    "RFC822.SIZE",
    f"BODY.PEEK[HEADER.FIELDS (FROM)]<0.{RAW_BYTES}>",
    f"BODY.PEEK[HEADER.FIELDS (SUBJECT)]<0.{RAW_BYTES}>",
    MESSAGE_ID_ITEM,
)
"""What :func:`idlebell.rules.describe.describe` tells of. Not ENVELOPE, which has no bound: a mail with a subject of a megabyte
would end the session, and each one after it."""
HEADER_NAMES_BYTES: Final = 700
"""Names of header fields in one command, which some servers take up to 1000 octets of (RFC 2683 section 3.2.1.5). Where there
are more the whole header is fetched."""
WHOLE_HEADER_BYTES: Final = 32_768


def fetch_items(subscriptions: Iterable[Subscription], *, has_preview: bool) -> tuple[str, ...]:
    """``has_preview``: the server offers PREVIEW (RFC 8970); where it does not, nothing of the body is fetched for one."""
    subscriptions = tuple(subscriptions)
    items = list(DECIDING)
    if any(one.payload is not Payload.ALERT for one in subscriptions):
        items += DESCRIBING
        if has_preview:
            items.append("PREVIEW")
    needs = NO_NEEDS
    for one in subscriptions:
        needs |= needs_of(one)
    return tuple(dict.fromkeys((*items, *rule_items(needs))))


def needs_of(one: Subscription) -> Needs:
    """Of all that decides for a subscription."""
    needs = hush_needs(one.preferences.hushed)
    for rule in rules_of(one):
        needs |= rule.needs
    return needs


def rules_of(one: Subscription) -> tuple[Rule, ...]:
    """Its filter, and what rings through its schedule and through a flood."""
    wish = one.preferences
    return (rule_of(wish.filter), *(() if wish.vip is None else (rule_of(wish.vip),)))


def rule_items(needs: Needs) -> tuple[str, ...]:
    """All but the text, whose part the structure tells: see :func:`text_item`."""
    items: list[str] = []
    if needs.size:
        items.append("RFC822.SIZE")
    if needs.headers:
        names = " ".join(sorted(name.upper() for name in needs.headers))
        if len(names) <= HEADER_NAMES_BYTES:
            items.append(f"BODY.PEEK[HEADER.FIELDS ({names})]<0.{HEADER_BYTES}>")
        else:
            items.append(f"BODY.PEEK[HEADER]<0.{WHOLE_HEADER_BYTES}>")
    if needs.structure or needs.text:
        items.append("BODYSTRUCTURE")  # last: of an answer that is too large the end is left out
    return tuple(items)


def text_item(section: str) -> str:
    """``section``: the number of a part."""
    return f"BODY.PEEK[{section}]<0.{TEXT_BYTES}>"
