"""Answers what faces ask to see of a mailbox, over the session that is open anyway."""

from __future__ import annotations

from collections.abc import Iterable

from idlebell.model.problem import Fault
from idlebell.model.shown_text import quoting
from idlebell.net.look_inbox import Look
from idlebell.watch.answers import LookRefusedError, MailboxRefusedError
from idlebell.watch.filtering import flags_of, latest, only
from idlebell.watch.mailbox_session import MailboxSession

LOST = Fault("session-lost", "The session ended before the mail server answered.")


async def answer(looks: Iterable[Look], session: MailboxSession) -> None:
    """All of ``looks``, whatever becomes of the session, which may be at another mailbox afterwards. Raises what it raises."""
    waiting = [look for look in looks if not look.answer.done()]
    try:
        for look in waiting:
            try:
                if session.open_mailbox != look.mailbox:
                    await session.examine(look.mailbox)
                if look.flags_of:
                    look.say(await flags_of(session, look.flags_of))
                elif look.only is None:
                    look.say(await latest(session, look.mailbox, look.messages, look.rule))
                else:
                    look.say(await only(session, look.only, look.rule))
            except MailboxRefusedError as refusal:
                look.say(Fault("no-such-mailbox", quoting("The mail server does not open the mailbox", refusal.text)))
            except LookRefusedError as refusal:
                look.say(Fault("server-error", quoting("The mail server does not show its messages", refusal.text)))
    finally:
        for look in waiting:
            look.say(LOST)
