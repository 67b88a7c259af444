"""One look at all the mailboxes of a NOTIFY: asks what :mod:`.plan` says, and tells what :mod:`.known` makes of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from idlebell.front.notify.bounds import MAILBOXES
from idlebell.front.notify.known import Known
from idlebell.front.notify.matching import Listing, listing_of
from idlebell.front.notify.wanted import Event
from idlebell.front.own import Asked
from idlebell.imap.commands import Command, Namespace, Status
from idlebell.imap.responses import ListData, NamespaceData, PlainCode, StatusData

Ask: TypeAlias = Callable[[Command], Awaitable[Asked]]
"""Of one session: the client's own, or a further one."""


_FOR_GOOD: Final = frozenset({"NOPERM", "NONEXISTENT"})
"""Other codes of RFC 5530 are about this moment."""


class TooMuch(Exception):  # noqa: N818 - named as the fact it is
    """More mailboxes than one client may have watched (RFC 5465 section 3.1: NOTIFICATIONOVERFLOW)."""


@dataclass(slots=True)
class Looker:
    """Of one client. ``tell``: an untagged response for it. ``statuses``: STATUS commands in the last look."""

    tell: Callable[[ListData | StatusData], None]
    statuses: int = 0
    _namespaces: NamespaceData | None = None
    _namespaces_asked: bool = False

    async def look(
        self,
        ask: Ask,
        known: Known,
        *,
        names: bool,
        mod_seq: bool,
        selected: Callable[[], str | None],
        outset: bool = False,
        before: Known | None = None,
    ) -> None:
        """``names``: LIST may be asked now. ``selected``: the mailbox that the client has open. ``outset``: all is told that is
        found, for NOTIFY SET STATUS. ``before``: an earlier NOTIFY, whose pending changes of names are told along. TooMuch, and
        whatever ``ask`` raises."""
        self.statuses = 0
        # RFC 5465 section 3.1: STATUS at the outset has it, for who asks for FlagChange.
        items = known.plan.asked(mod_seq=mod_seq or (outset and Event.FLAG_CHANGE in known.wanted.of_others))
        listed = came_along = None
        if names and known.plan.lists:
            listed = came_along = await self._list(ask, known, before, items)
        wanted = known.asked_of(selected() if came_along is None else None)
        if known.mailboxes > MAILBOXES or len(wanted) > known.plan.means.mailboxes:
            raise TooMuch
        if listed is not None and not listed and known.plan.at_once(known.listed, len(wanted)):
            came_along = await self._list(
                ask, known, None, items
            )  # the first look: only now it is known how many there are
        came_along = came_along or None
        for mailbox in wanted:
            if came_along is None and mailbox == selected():
                continue
            status = None if came_along is None else came_along.get(mailbox)
            if status is None and (came_along is None or not known.is_denied(mailbox)):
                # Cyrus leaves out of LIST what is being written to at that moment.
                status = await self._status(ask, known, mailbox, items)
            if status is not None:
                allowed = known.allowed(mailbox)
                if allowed is not None:
                    self.tell(allowed)
                for told in known.stand([status], mod_seq=mod_seq, selected=selected(), outset=outset):
                    self.tell(told)

    async def _list(
        self, ask: Ask, known: Known, before: Known | None, items: tuple[str, ...]
    ) -> dict[str, StatusData] | None:
        """The STATUS responses that came along, none where they were not asked for; None: the server refuses."""
        if not self._namespaces_asked and known.plan.means.namespace:
            answered = await ask(Namespace())
            self._namespaces_asked = True
            self._namespaces = next((one for one in answered.untagged if isinstance(one, NamespaceData)), None)
        with_status = known.plan.at_once(known.listed, len(known.asked_of(None)))
        answered = await ask(known.plan.list_command(items if with_status else ()))
        if not answered.ok:
            return None
        found = [one for one in answered.untagged if isinstance(one, ListData) and not one.lsub]
        statuses = [one for one in answered.untagged if isinstance(one, StatusData)]
        subscribed: list[str] | None = None
        if known.plan.lsub_command is not None:
            answered = await ask(known.plan.lsub_command)
            subscribed = [one.mailbox for one in answered.untagged if isinstance(one, ListData) and one.lsub]
        listing: Listing = listing_of(found, self._namespaces, subscribed=subscribed)
        told = () if before is None else before.listed_anew(listing, statuses)
        for one in (*told, *known.listed_anew(listing, statuses)):
            self.tell(one)
        return {one.mailbox: one for one in statuses}

    async def _status(self, ask: Ask, known: Known, mailbox: str, items: tuple[str, ...]) -> StatusData | None:
        self.statuses += 1
        answered = await ask(Status(mailbox, items))
        if answered.ok:
            return next((one for one in answered.untagged if isinstance(one, StatusData)), None)
        code = answered.completed.code
        if code is None or (isinstance(code, PlainCode) and code.name in _FOR_GOOD):
            denied = known.refused(mailbox)
            if denied is not None:
                self.tell(denied)
        return None
