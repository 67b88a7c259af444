"""Who is told of new mail, and which items that costs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from idlebell.imap.responses import Envelope, FetchData
from idlebell.model.account import Retention
from idlebell.model.arrival import Arrival, Mark
from idlebell.model.endpoint import Endpoints, PushUrl, SimplePushEndpoint
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import MAX_MESSAGES, Draft, NewMail
from idlebell.model.subscription import Floor, Payload, Phase, Subscription
from idlebell.model.verdict import Outcome, Verdict
from idlebell.rules.match import listening, match, match_flood
from idlebell.rules.needs import DECIDING, DESCRIBING, fetch_items

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEEP = timedelta(hours=1)
ONE = Subscription(
    id=SubscriptionId("sub_1"),
    account_id=AccountId("acc_1"),
    key_digest=b"",
    owner=None,
    mailboxes=("INBOX",),
    endpoints=Endpoints(SimplePushEndpoint(PushUrl("https://push.example.net/a"))),
    payload=Payload.ALERT,
    retention=Retention.SESSION,
    lease_seconds=3600,
    created_at=NOW,
    expires_at=NOW + KEEP,
    phase=Phase.ACTIVE,
)
TEN = FetchData(1, uid=10, envelope=Envelope(None, b"Hi", (), (), (), (), (), (), None, None))
ELEVEN = FetchData(2, uid=11)


def drafts(*subscriptions: Subscription, messages: tuple[FetchData, ...] = (TEN, ELEVEN)) -> list[NewMail]:
    made = match(subscriptions, "INBOX", 7, tuple(map(Arrival, messages)), 3, NOW, KEEP).drafts
    assert all(isinstance(draft, Draft) and draft.due_at == NOW and draft.expires_at == NOW + KEEP for draft in made)
    return [draft.content for draft in made if isinstance(draft.content, NewMail)]


def test_alert_says_how_many_and_nothing_of_them() -> None:
    assert drafts(ONE) == [NewMail("INBOX", 7, 2, 3)]


def test_summary_describes_each() -> None:
    summary = replace(ONE, payload=Payload.SUMMARY)

    assert drafts(summary) == [NewMail("INBOX", 7, 2, 3, (MessageSummary(10, subject="Hi"), MessageSummary(11)))]


def test_more_than_are_described_are_counted_and_the_newest_described() -> None:
    many = tuple(FetchData(uid, uid=uid) for uid in range(1, 51))

    (content,) = drafts(replace(ONE, payload=Payload.SUMMARY), messages=many)

    assert content.count == 50
    assert [one.uid for one in content.messages] == list(range(51 - MAX_MESSAGES, 51))


def test_each_subscription_gets_one() -> None:
    assert len(drafts(ONE, replace(ONE, id=SubscriptionId("sub_2")))) == 2


def test_who_does_not_listen_is_not_told() -> None:
    paused = replace(ONE, paused=True)
    pending = replace(ONE, phase=Phase.PENDING)
    elsewhere = replace(ONE, mailboxes=("Work",))

    assert drafts(paused, pending, elsewhere) == []
    assert listening([paused, pending, elsewhere, ONE], "INBOX") == (ONE,)


def test_what_lies_below_the_floor_is_not_announced() -> None:
    assert drafts(replace(ONE, floors=(Floor("INBOX", 7, 11),))) == [NewMail("INBOX", 7, 1, 3)]
    assert drafts(replace(ONE, floors=(Floor("INBOX", 7, 12),))) == []


def test_floor_of_another_epoch_means_nothing() -> None:
    assert drafts(replace(ONE, floors=(Floor("INBOX", 6, 12),))) == [NewMail("INBOX", 7, 2, 3)]


def told(one: Subscription, arrival: Arrival) -> bool:
    return bool(match([one], "INBOX", 7, (arrival,), None, NOW, KEEP).drafts)


def test_who_wants_to_hear_of_read_and_filed_mail_too_does() -> None:
    seen = Arrival(TEN, frozenset({Mark.SEEN}))
    both = Arrival(TEN, frozenset({Mark.SEEN, Mark.APPENDED}))

    assert not told(ONE, seen)
    assert told(replace(ONE, also=frozenset({"seen"})), seen)
    assert not told(replace(ONE, also=frozenset({"seen"})), both)
    assert told(replace(ONE, also=frozenset({"seen", "appended"})), both)


def test_a_mail_rings_once_for_those_that_it_has_passed() -> None:
    again = Arrival(TEN, known_to=frozenset({ONE.id}))

    assert not told(ONE, again)
    assert told(replace(ONE, id=SubscriptionId("sub_2")), again)
    assert told(replace(ONE, also=frozenset({"appended"})), again)


def test_every_message_has_a_verdict_for_everyone_who_listens() -> None:
    late = replace(ONE, id=SubscriptionId("sub_2"), floors=(Floor("INBOX", 7, 11),))
    arrivals = (
        Arrival(TEN, frozenset({Mark.SEEN})),
        Arrival(ELEVEN, known_to=frozenset({ONE.id})),
        Arrival(FetchData(3, uid=12)),
    )

    matched = match([ONE, late], "INBOX", 7, arrivals, None, NOW, KEEP)

    assert matched.verdicts == (
        Verdict(ONE.id, 10, Outcome.MARKED, ("seen",)),
        Verdict(ONE.id, 11, Outcome.ALREADY_TOLD),
        Verdict(ONE.id, 12, Outcome.RINGS),
        Verdict(late.id, 10, Outcome.BELOW_FLOOR),
        Verdict(late.id, 11, Outcome.RINGS),
        Verdict(late.id, 12, Outcome.RINGS),
    )


def test_flood_is_a_count() -> None:
    (draft,) = match_flood([ONE], "INBOX", 7, {frozenset(): 9_000}, 9_500, 9_000, NOW, KEEP).drafts

    assert draft.content == NewMail("INBOX", 7, 9_000, 9_000)


def test_flood_is_not_told_to_who_came_after_it() -> None:
    late = replace(ONE, floors=(Floor("INBOX", 7, 9_500),))
    epoch = replace(ONE, floors=(Floor("INBOX", 6, 9_500),))

    assert len(match_flood([late, epoch], "INBOX", 7, {frozenset(): 9_000}, 9_500, None, NOW, KEEP).drafts) == 1


def test_alerts_cost_no_envelope() -> None:
    assert fetch_items([ONE], has_preview=True) == DECIDING


def test_one_summary_costs_the_envelope_and_the_preview_where_there_is_one() -> None:
    mixed = [ONE, replace(ONE, payload=Payload.SUMMARY)]

    assert fetch_items(mixed, has_preview=False) == (*DECIDING, *DESCRIBING)
    assert fetch_items(mixed, has_preview=True) == (*DECIDING, *DESCRIBING, "PREVIEW")
