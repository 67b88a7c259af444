"""What a filter would do with the latest messages of a mailbox, asked of the session that is open."""

from __future__ import annotations

import asyncio
from typing import Final

from idlebell.gateway.callers import Caller
from idlebell.gateway.limits import RegistrationLimit
from idlebell.gateway.means import Means
from idlebell.gateway.preferences import read_filter
from idlebell.gateway.reading import Faults
from idlebell.gateway.registration import has_shown_right
from idlebell.gateway.shapes import FILTER_TEST_MESSAGES_MAX, FilterResultView, FilterTestRequest, FilterTestView
from idlebell.imap.responses import FetchData
from idlebell.model.problem import Fault, Problem, ProblemError
from idlebell.model.subscription import Subscription
from idlebell.net.look_inbox import Look, LookInbox
from idlebell.rules.compiled import rule_of
from idlebell.rules.describe import sender_of, subject_of
from idlebell.rules.evidence import Evidence
from idlebell.rules.rule import Rule
from idlebell.telemetry.status import Watch

ANSWER_SECONDS: Final = 10.0
"""A form waits for its preview no longer."""
TESTS_PER_MINUTE: Final = 30
"""Of one subscription: a form that asks at every pause of its user."""


class FilterTests:
    def __init__(self, means: Means, looks: LookInbox) -> None:
        self._means = means
        self._looks = looks
        self._limit = RegistrationLimit(TESTS_PER_MINUTE)

    async def test(self, subscription: str, request: FilterTestRequest, caller: Caller) -> FilterTestView:
        """ProblemError: ``no-session``, ``too-many-requests``, ``needs-tls`` and what a look may come to."""
        found = await self._means.visible(subscription, caller)
        if not caller.secure:
            raise ProblemError(Problem("needs-tls", "What is in a mail must not be read on the way."))
        mailbox, rule = _asked(request, found)
        self._open(found, mailbox)
        if wait := self._limit.wait_seconds(found.id, self._means.clock.monotonic()):
            raise ProblemError(_too_many(wait))
        messages = await self._look(found, Look(mailbox, request.limit, rule))
        return FilterTestView(mailbox=mailbox, results=tuple(_result(one, mailbox, rule) for one in reversed(messages)))

    def _open(self, found: Subscription, mailbox: str) -> None:
        """Who has not shown a right to the account sees nothing of it."""
        status = self._means.status.of(found.account_id)
        watched = status.mailboxes.get(mailbox) if status is not None else None
        if not (found.wanted and has_shown_right(found)) or watched is None or watched.watch is not Watch.WATCHING:
            raise ProblemError(Problem("no-session", "The mailbox is not being watched now."))

    async def _look(self, found: Subscription, look: Look) -> tuple[FetchData, ...]:
        if not self._looks.ask(found.account_id, look):
            raise ProblemError(_too_many(1))
        try:
            self._means.nudge(found.account_id)
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await look.answer
        except TimeoutError:
            raise ProblemError(Problem("no-session", "The mail server did not answer in time.")) from None
        finally:
            self._looks.take_back(found.account_id, look)
        if isinstance(answer, Fault):
            raise ProblemError(answer.problem())
        return answer


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


def _too_many(seconds: int) -> Problem:
    return Problem("too-many-requests", "Filters are being tried out too often.", retry_after_seconds=seconds)
