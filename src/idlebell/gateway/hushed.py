"""Senders and mailing lists that ring no more, as JSON says it: read and shown. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from idlebell.gateway.reading import Faults, unknown_member
from idlebell.gateway.shapes import HushedView, HushRequest
from idlebell.model.notification import Told
from idlebell.model.preferences import Hushed, HushedBy, Preferences
from idlebell.rules.hush import HUSHED_MAX, list_id, sender

_READ: Final = {HushedBy.SENDER: sender, HushedBy.LIST_ID: list_id}
_MUST: Final = {
    HushedBy.SENDER: "must be a mail address, a name before it or not",
    HushedBy.LIST_ID: "must be what a List-Id field says (RFC 2919)",
}


def read_hushed(faults: Faults, value: Any, at: str) -> tuple[Hushed, ...]:
    """In the order given, each once."""
    if not isinstance(value, list):
        faults.add(at, "must be a list")
        return ()
    if len(value) > HUSHED_MAX:
        faults.add(at, f"must be at most {HUSHED_MAX}")
    found: dict[Hushed, None] = {}
    for index, one in enumerate(value[:HUSHED_MAX]):
        hushed = _entry(faults, one, f"{at}/{index}")
        if hushed is not None:
            found[hushed] = None
    return tuple(found)


def hushed_view(one: Hushed) -> HushedView:
    if one.by is HushedBy.SENDER:
        return HushedView(sender=one.value)
    return HushedView(list_id=one.value)


def named(faults: Faults, request: HushRequest) -> Hushed | None:
    """Whom a request names itself; None: it names a message, or faults were added."""
    given = {by: value for by in HushedBy if (value := getattr(request, by.value)) is not None}
    message = any(one is not None for one in (request.mailbox, request.uid_validity, request.uid))
    if len(given) + message > 1:
        faults.add("", "must name one of sender, list_id, or a message")
        return None
    for by, value in given.items():
        return _value(faults, by, value, f"/{by.value}")
    return None


def message_named(faults: Faults, request: HushRequest, mailboxes: Sequence[str]) -> Told | None:
    """The message that a request names instead. None: faults were added."""
    mailbox, uid_validity, uid = request.mailbox, request.uid_validity, request.uid
    if mailbox is None and uid_validity is None and uid is None:
        faults.add("", "must name sender, list_id, or a message by mailbox, uid_validity and uid")
        return None
    for name in ("mailbox", "uid_validity", "uid"):
        if getattr(request, name) is None:
            faults.add(f"/{name}", "is missing")
    if mailbox is not None and mailbox not in mailboxes:
        faults.add("/mailbox", "is not one of the subscription's mailboxes")
    if faults.count or mailbox is None or uid_validity is None or uid is None:
        return None
    return Told(mailbox, uid_validity, uid)


def hushing(wish: Preferences, one: Hushed) -> Preferences | None:
    """With ``one`` as the newest; None: there are too many."""
    rest = tuple(other for other in wish.hushed if other != one)
    return None if len(rest) >= HUSHED_MAX else replace(wish, hushed=(*rest, one))


def _entry(faults: Faults, value: Any, at: str) -> Hushed | None:
    # As it is shown the other member is there, and null.
    given = {name: text for name, text in value.items() if text is not None} if isinstance(value, dict) else {}
    if len(given) != 1:
        faults.add(at, 'must be {"sender": an address} or {"list_id": a List-Id}')
        return None
    ((name, text),) = given.items()
    if name not in tuple(HushedBy):
        unknown_member(faults, at, str(name), tuple(HushedBy))
        return None
    return _value(faults, HushedBy(name), text, f"{at}/{name}")


def _value(faults: Faults, by: HushedBy, text: Any, at: str) -> Hushed | None:
    value = _READ[by](text) if isinstance(text, str) else None
    if value is None:
        faults.add(at, _MUST[by])
        return None
    return Hushed(by, value)
