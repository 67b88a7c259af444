"""What a subscription that is told of by a mail server may ask for. Pure."""

from __future__ import annotations

from typing import Final

from idlebell.gateway.reading import Faults
from idlebell.model.source import Form, Source
from idlebell.model.subscription import Payload, Subscription
from idlebell.rules.compiled import rule_of
from idlebell.rules.hush import hush_needs
from idlebell.rules.rule import Needs
from idlebell.rules.telling import TELLS, untold

_BY_SESSION: Final = "name an IMAP login in place of the source"


def check_told(subscription: Subscription, source: Source) -> None:
    """ProblemError ``invalid-request``: it asks for what the reports of this source never tell."""
    faults = Faults()
    wish, form = subscription.preferences, source.form
    if subscription.selection is not None:
        faults.add("/mailboxes", f"must be names with a source, which lists no mailboxes; or {_BY_SESSION}")
    elif form is Form.OX and subscription.mailboxes != ("INBOX",):
        faults.add("/mailboxes", 'must be ["INBOX"]: the driver ox reports no other; use lua for this source')
    for name, needs in (
        ("filter", _needs(wish.filter)),
        ("vip", _needs(wish.vip)),
        ("hushed", hush_needs(wish.hushed)),
    ):
        if missing := untold(form, needs):
            faults.add(
                f"/{name}", f"needs {' and '.join(missing)}, which this source does not tell; {_mend(form, needs)}"
            )
    if subscription.payload is Payload.CONTENT:
        faults.add("/payload", f"content needs the text, which no source tells; ask for summary, or {_BY_SESSION}")
    if "appended" in subscription.also:
        faults.add("/also", f"appended needs a session: a source reports deliveries only; {_BY_SESSION}")
    elif "seen" in subscription.also and not TELLS[form].flags:
        faults.add("/also", f"seen needs flags, which this source does not tell; {_mend(form, Needs(flags=True))}")
    for name, asked in (
        ("withdraw", wish.withdraw),
        ("remind_after", wish.remind_after_seconds is not None),
        ("heartbeat_seconds", subscription.heartbeat_seconds is not None),
    ):
        if asked:
            faults.add(f"/{name}", f"needs a session to look with; {_BY_SESSION}")
    faults.raise_any()


def _needs(text: str | None) -> Needs:
    return rule_of(text).needs


def _mend(form: Form, needs: Needs) -> str:
    if form is Form.OX and not untold(Form.LUA, needs):
        return f"use the driver lua for this source, or {_BY_SESSION}"
    return _BY_SESSION
