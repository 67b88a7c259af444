"""What a filter would do with the latest messages of a mailbox, asked of the session that is open."""

from __future__ import annotations

from idlebell.gateway.callers import Caller
from idlebell.gateway.looking import Looking
from idlebell.gateway.means import Means
from idlebell.gateway.preferences import read_filter
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import FILTER_TEST_MESSAGES_MAX, FilterResultView, FilterTestRequest, FilterTestView
from idlebell.imap.responses import FetchData
from idlebell.model.subscription import Subscription
from idlebell.net.look_inbox import Look
from idlebell.rules.compiled import rule_of
from idlebell.rules.describe import sender_of, subject_of
from idlebell.rules.evidence import Evidence
from idlebell.rules.rule import Rule


class FilterTests:
    def __init__(self, means: Means, looking: Looking) -> None:
        self._means = means
        self._looking = looking

    async def test(self, subscription: str, request: FilterTestRequest, caller: Caller) -> FilterTestView:
        """ProblemError: ``needs-tls`` and what a look may come to."""
        found = await self._means.visible(subscription, caller)
        self._looking.allow(caller)
        mailbox, rule = _asked(request, found)
        messages = await self._looking.look(found, Look(mailbox, request.limit, rule))
        return FilterTestView(mailbox=mailbox, results=tuple(_result(one, mailbox, rule) for one in reversed(messages)))


def _asked(request: FilterTestRequest, found: Subscription) -> tuple[str, Rule]:
    faults = Faults()
    text = None if request.filter is None else read_filter(faults, request.filter, "/filter")
    mailbox = request.mailbox if request.mailbox is not None else found.mailboxes[0]
    if not 1 <= request.limit <= FILTER_TEST_MESSAGES_MAX:
        faults.add("/limit", f"must be 1 to {FILTER_TEST_MESSAGES_MAX}")
    if mailbox not in found.mailboxes:
        faults.add("/mailbox", "is not one of the subscription's mailboxes")
    faults.raise_any()
    return mailbox, rule_of(text)


def _result(message: FetchData, mailbox: str, rule: Rule) -> FilterResultView:
    evidence = Evidence(message, mailbox)
    judgement = rule.decide(evidence)
    return FilterResultView(
        uid=message.uid or 0,
        rings=judgement.rings or evidence.text_missed,
        because=judgement.because,
        sender=sender_of(evidence),
        subject=subject_of(evidence),
        size=message.size,
        received_at=message.internal_date,
    )
