"""Two notifications of new mail that are to ring as one. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Final, TypeVar

from idlebell.model.message import MessageSummary
from idlebell.model.notification import MAX_MESSAGES, TOLD_KEPT, Content, NewMail, Reminder, Told

_Content = TypeVar("_Content", bound=Content)
NAMED_MAILBOXES: Final = 20
NAMED_BYTES: Final = 1_000
"""Mailboxes that a notification of several names: so many, and their names so long together, fit every push service beside
the rest. Of what is not named the count still tells."""


def merged(earlier: NewMail, later: NewMail) -> NewMail:
    """Of both, as of ``later``."""
    count = earlier.count + later.count
    vip = earlier.vip or later.vip
    told = (*earlier.told, *later.told)[-TOLD_KEPT:]
    if earlier.mailbox is not None and earlier.mailbox == later.mailbox:
        # Under another UIDVALIDITY the UIDs from before name nothing any more (RFC 9051 section 2.3.1.1).
        kept = earlier.messages if earlier.uid_validity == later.uid_validity else ()
        messages = (*kept, *later.messages)[-MAX_MESSAGES:]
        return replace(later, count=count, messages=messages, vip=vip, told=told)
    messages = (*_located(earlier), *_located(later))[-MAX_MESSAGES:]
    return NewMail(None, None, count, None, messages, _named(earlier, later), vip, told)


def without(content: NewMail, gone: Collection[Told]) -> NewMail | None:
    """What is left to tell when ``gone`` is not worth it any more; None: nothing."""
    left = tuple(one for one in content.told if one not in gone)
    count = content.count - (len(content.told) - len(left))
    if count <= 0:
        return None
    named = {(one.mailbox, one.uid) for one in gone}
    messages = tuple(one for one in content.messages if (one.mailbox or content.mailbox, one.uid) not in named)
    fewer = Counter(one.mailbox for one in content.told if one in gone)
    mailboxes = tuple((name, kept) for name, came in content.mailboxes if (kept := came - fewer[name]) > 0)
    return replace(content, count=count, messages=messages, mailboxes=mailboxes, told=left)


def renamed(content: _Content, old: str, new: str) -> _Content:
    """The same, where the mailbox ``old`` is called ``new`` by now: it is told, and withdrawn, by that name."""
    if isinstance(content, Reminder):
        return replace(content, mailbox=new) if content.mailbox == old else content
    if not isinstance(content, NewMail):
        return content
    counts: dict[str, int] = {}
    for name, count in content.mailboxes:
        called = new if name == old else name
        counts[called] = counts.get(called, 0) + count
    return replace(
        content,
        mailbox=new if content.mailbox == old else content.mailbox,
        messages=tuple(replace(one, mailbox=new) if one.mailbox == old else one for one in content.messages),
        mailboxes=tuple(counts.items()),
        told=tuple(one._replace(mailbox=new) if one.mailbox == old else one for one in content.told),
    )


def _located(content: NewMail) -> tuple[MessageSummary, ...]:
    if content.mailbox is None:
        return content.messages
    return tuple(replace(one, mailbox=content.mailbox) for one in content.messages)


def _named(earlier: NewMail, later: NewMail) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    room = NAMED_BYTES
    for name, count in (*_counted(earlier), *_counted(later)):
        if name in counts:
            counts[name] += count
            continue
        size = len(json.dumps(name, ensure_ascii=False).encode("utf-8", "replace"))
        if len(counts) < NAMED_MAILBOXES and size <= room:
            counts[name] = count
            room -= size
    return tuple(counts.items())


def _counted(content: NewMail) -> tuple[tuple[str, int], ...]:
    return content.mailboxes if content.mailbox is None else ((content.mailbox, content.count),)
