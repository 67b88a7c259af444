"""LIST with its extensions (RFC 5258, 5819, 6154), NAMESPACE, and which mailboxes a filter of NOTIFY means."""

from __future__ import annotations

import re
from collections.abc import Iterator

from idlebell.imap import commands as c
from idlebell.imap import responses as r
from idlebell.testing.habits import Habits
from idlebell.testing.mail_store import Mailbox, MailboxChanged, User
from idlebell.testing.status import status_of

_EXTENDED = {"CHILDREN", "SUBSCRIBED", "RECURSIVEMATCH"}


class UnknownOptionError(Exception):
    """An option of LIST that this server does not know or does not offer: the command gets BAD."""


def listing(user: User, command: c.List, habits: Habits, capabilities: frozenset[str]) -> Iterator[r.UntaggedResponse]:
    """What LIST answers, with STATUS where RETURN asks for it (RFC 5819)."""
    selection, returning = frozenset(command.selection), command.returning
    status = next((item for item in returning if item.startswith("STATUS ")), None)
    _check(selection | frozenset(returning) - {status}, capabilities, status=status is not None)
    if command.pattern == "":  # RFC 9051 section 6.3.9: asks for the delimiter
        yield r.ListData(frozenset({"\\Noselect"}), habits.delimiter, "")
        return
    pattern = _pattern(command.reference + command.pattern, habits.delimiter)
    names = user.subscribed if "SUBSCRIBED" in selection else user.mailboxes
    parents = {other[:end] for other in user.mailboxes for end in _ends(other, habits.delimiter)}
    for name in sorted(names, key=lambda name: (name != "INBOX", name)):
        mailbox = user.mailboxes.get(name)
        if not pattern.fullmatch(name) or ("SPECIAL-USE" in selection and not (mailbox and mailbox.attributes)):
            continue
        attributes = _attributes(user, name, habits)
        if "SUBSCRIBED" in {*selection, *returning} and name in user.subscribed:
            attributes |= {"\\Subscribed"}
        if "CHILDREN" in returning:
            attributes |= {"\\HasChildren" if name in parents else "\\HasNoChildren"}
        yield r.ListData(attributes, habits.delimiter, name)
        if status is not None and mailbox is not None and mailbox.selectable:
            items = status.removeprefix("STATUS (").removesuffix(")").split()
            yield status_of(mailbox, items, uid_next=habits.uid_next)


def _ends(name: str, delimiter: str) -> Iterator[int]:
    """Where the names of the mailboxes above it end."""
    end = name.find(delimiter)
    while end >= 0:
        yield end
        end = name.find(delimiter, end + 1)


def subscriptions(user: User, command: c.Lsub, habits: Habits) -> Iterator[r.ListData]:
    """LSUB (RFC 3501 section 6.3.9), without what ``%`` adds of parents."""
    pattern = _pattern(command.reference + command.pattern, habits.delimiter)
    for name in sorted(user.subscribed):
        if pattern.fullmatch(name):
            yield r.ListData(_attributes(user, name, habits) - {"\\NonExistent"}, habits.delimiter, name, lsub=True)


def told(user: User, change: MailboxChanged, habits: Habits) -> r.ListData:
    """The unsolicited LIST of NOTIFY (RFC 5465 sections 5.4 and 5.5)."""
    name = change.mailbox.name
    attributes = _attributes(user, name, habits)
    if change.what == "subscribed":
        attributes |= {"\\Subscribed"}
    return r.ListData(attributes, habits.delimiter, name, change.old_name)


def namespace(habits: Habits) -> r.NamespaceData:
    shared = habits.shared_prefix
    return r.NamespaceData(
        (r.NamespaceEntry(habits.prefix, habits.delimiter),),
        None,
        None if shared is None else (r.NamespaceEntry(shared, habits.delimiter),),
    )


def matches(group: c.EventGroup, mailbox: Mailbox, user: User, delimiter: str) -> bool:
    """Whether the mailbox filter of ``group`` means ``mailbox`` (RFC 5465 section 6)."""
    match group.filter:
        case "personal" | "inboxes":  # a server that does not know where mail arrives takes one for the other
            return mailbox.personal
        case "subscribed":
            return mailbox.name in user.subscribed
        case "subtree":
            return any(mailbox.name == root or mailbox.name.startswith(root + delimiter) for root in group.mailboxes)
        case "mailboxes":
            return mailbox.name in group.mailboxes
    return False


def _pattern(spelled: str, delimiter: str) -> re.Pattern[str]:
    wildcards = {"*": ".*", "%": f"[^{re.escape(delimiter)}]*"}
    return re.compile("".join(wildcards.get(one, re.escape(one)) for one in spelled), re.DOTALL)


def _attributes(user: User, name: str, habits: Habits) -> frozenset[str]:
    mailbox = user.mailboxes.get(name)
    if mailbox is None:
        return frozenset({"\\NonExistent"})
    return mailbox.attributes | (frozenset() if mailbox.selectable else {"\\Noselect"})


def _check(options: frozenset[str | None], capabilities: frozenset[str], *, status: bool) -> None:
    """Only what is offered is understood."""
    missing = (
        (status and "LIST-STATUS" not in capabilities)
        or ("SPECIAL-USE" in options and "SPECIAL-USE" not in capabilities)
        or (options and "LIST-EXTENDED" not in capabilities)
    )
    if missing or options - {*_EXTENDED, "SPECIAL-USE"}:
        raise UnknownOptionError
