"""Which mailboxes a selection means, and what became of those that were known. Pure: what LIST said in, names out.

``personal`` is RFC 5465 section 6.3 less the mailboxes that nobody wants a bell for; which these are is told by SPECIAL-USE
(RFC 6154), and where a server has none by their usual names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from idlebell.imap.responses import ListData, NamespaceData, StatusData
from idlebell.model.cursor import Cursor
from idlebell.model.selection import Personal, Selection, Subscribed, Subtree

LISTED_MAILBOXES: Final = 10_000
"""More than these are not looked at: an account that has more is watched at the first ones."""
NAME_BYTES: Final = 1_000
"""As long as a name may be that an app asks for. A name is kept, shown and asked about over and over, and a server could make
each fill a line of 64 KiB."""
PASSED_OVER_MAILBOXES: Final = 1_000
"""Names that are kept only to know a mailbox that is new from one that nobody wants. Of an account with more of them, LIST
tells what is new when it is asked again."""
SILENT_USES: Final = ("\\Junk", "\\Trash", "\\Drafts", "\\Sent", "\\All")
_USES: Final = (*SILENT_USES, "\\Archive", "\\Flagged")
"""Interface section 4: ``personal`` is without these."""
_SILENT_NAMES: Final = frozenset(
    (
        *("junk", "spam", "junkemail", "bulk", "bulkmail"),
        *("trash", "deleted", "deletedmessages", "deleteditems", "bin", "papierkorb"),
        *("drafts", "draft", "entwürfe"),
        *("sent", "sentmail", "sentitems", "sentmessages", "gesendet"),
    )
)
_NOT_SELECTABLE: Final = ("\\Noselect", "\\NonExistent", "\\NoAccess")


@dataclass(frozen=True, slots=True)
class Listed:
    """One mailbox that can be opened. ``status`` where the server told it along with the list."""

    name: str
    silent: bool
    subscribed: bool
    delimiter: str | None
    status: StatusData | None = None


def listed(
    found: Iterable[ListData],
    statuses: Iterable[StatusData],
    namespaces: NamespaceData | None,
    *,
    subscribed: Iterable[str] | None = None,
) -> tuple[Listed, ...]:
    """The user's own mailboxes, each once, INBOX first, in the order of the server. ``subscribed``: the names that LSUB gave,
    where LIST could not be asked."""
    known = {canonical(status.mailbox): status for status in statuses}
    own = {canonical(name) for name in subscribed or ()}
    found = tuple(found)
    # Dovecot says that it has SPECIAL-USE also where nobody has told it what its mailboxes are for.
    told = any(one.has(use) for one in found for use in _USES)
    mailboxes: dict[str, Listed] = {}
    for one in found:
        name = canonical(one.mailbox)
        if any(one.has(mark) for mark in _NOT_SELECTABLE) or foreign(name, namespaces):
            continue
        if len(name.encode("utf-8", "surrogatepass")) > NAME_BYTES:
            continue
        silent = any(one.has(use) for use in SILENT_USES) or (not told and _last(name, one.delimiter) in _SILENT_NAMES)
        mailboxes[name] = Listed(
            name, silent and name != "INBOX", one.has("\\Subscribed") or name in own, one.delimiter, known.get(name)
        )
        if len(mailboxes) >= LISTED_MAILBOXES:
            break
    return tuple(sorted(mailboxes.values(), key=lambda mailbox: mailbox.name != "INBOX"))


def selected(selection: Selection, mailboxes: Sequence[Listed], most: int) -> tuple[str, ...]:
    """What ``selection`` means now, at most ``most`` names."""
    match selection:
        case Personal():
            names = [one.name for one in mailboxes if not one.silent]
        case Subscribed():
            names = [one.name for one in mailboxes if one.subscribed]
        case Subtree(root):
            names = [one.name for one in mailboxes if _below(one, canonical(root))]
    return tuple(names[:most])


def passed_over(listed: frozenset[str] | None, attended: frozenset[str]) -> frozenset[str] | None:
    """Of the mailboxes that LIST gave, those that nobody wants: any other that the server tells of is new. None: not known."""
    rest = None if listed is None else listed - attended
    return None if rest is None or len(rest) > PASSED_OVER_MAILBOXES else rest


def renamed(gone: Mapping[str, Cursor], appeared: Sequence[tuple[str, StatusData]]) -> tuple[tuple[str, str], ...]:
    """(old, new): a mailbox that keeps its UIDs under another name has the same UIDVALIDITY, and does not end before the place
    that was announced. Two that could be the same are neither: what is announced anew is told from old mail by its date."""
    pairs = []
    for old, cursor in gone.items():
        fits = [
            name
            for name, status in appeared
            if status.uid_validity == cursor.uid_validity and (status.uid_next or 0) >= cursor.uid_next
        ]
        rivals = [other for other, one in gone.items() if one.uid_validity == cursor.uid_validity and other != old]
        if len(fits) == 1 and not rivals:
            pairs.append((old, fits[0]))
    return tuple(pairs)


def _below(one: Listed, root: str) -> bool:
    return one.name == root or (one.delimiter is not None and one.name.startswith(root + one.delimiter))


def foreign(name: str, namespaces: NamespaceData | None) -> bool:
    """Other users' and shared mailboxes (RFC 2342) are not personal."""
    if namespaces is None:
        return False
    others = (*(namespaces.other_users or ()), *(namespaces.shared or ()))
    own = [entry.prefix for entry in namespaces.personal or () if name.startswith(entry.prefix)]
    longest = max(map(len, own), default=-1)
    return any(len(entry.prefix) > longest and name.startswith(entry.prefix) for entry in others)


def _last(name: str, delimiter: str | None) -> str:
    part = name.rsplit(delimiter, 1)[-1] if delimiter else name
    return "".join(one for one in part.lower() if one not in " -_")


def canonical(name: str) -> str:
    """INBOX is the same in any case (RFC 9051 section 5.1)."""
    return "INBOX" if name.upper() == "INBOX" else name
